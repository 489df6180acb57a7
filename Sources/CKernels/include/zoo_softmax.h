#pragma once

#include <stddef.h>


/// Softmax along the innermost axis, with what attention puts before it. Rows are contiguous.
///
///     v = scale · x + mask,   y = e^(v - max v) / Σ e^(v - max v)   or, with `logarithm`, its logarithm
typedef struct {
  const float *x;
  float *y;  // may be x
  size_t rows, columns;
  float scale;
  const float *mask;  // null, or added to the scaled row
  size_t mask_stride;           // elements from one row's mask to the next row's; 0 repeats one row
  int logarithm;
} zoo_softmax_rows;

/// Softmax along an axis that is not the innermost: x and y are [outer, axis, inner].
typedef struct {
  const float *x;
  float *y;  // may be x
  size_t outer, axis, inner;
  int logarithm;
} zoo_softmax_columns;

