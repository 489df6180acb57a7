#pragma once

#include <stddef.h>


/// Normalises each row of [rows, columns]:
///
///     s = x + skip + bias,   y = (s - mean s) / sqrt(variance s + epsilon) · scale + shift
///
/// or, as a root-mean-square norm, `y = s / sqrt(mean s² + epsilon) · scale + shift`. Null operands are left out.
typedef struct {
  const float *x;
  const float *skip;   // [rows, columns]
  const float *bias;   // [columns], added with skip or alone
  float *sum;          // receives s
  const float *scale;  // [columns]
  const float *shift;  // [columns]
  float *y;                      // may be x, skip or sum
  float *mean;         // [rows]
  float *inverse_deviation;  // [rows]
  size_t rows, columns;
  float epsilon;
  int root_mean_square;
} zoo_row_norm;

/// Instance and group norm. Each group is `channels · spatial` consecutive values normalised together; channel c of
/// group g is then scaled by `scale[(g·channels + c) mod parameters]`, and shifted likewise.
typedef struct {
  const float *x;
  float *y;  // may be x
  const float *scale, *shift;  // [parameters]
  size_t groups, channels, spatial, parameters;
  float epsilon;
} zoo_group_norm;

/// Local response normalisation of an image [channels, spatial]:
///
///     y = x / (bias + alpha · Σ x²)^(quarters / 4)   over the channels from c - before to c + after, as far as there are
///
/// for channels first ..< end. `quarters` is 1 ... 4: roots are all that is needed.
typedef struct {
  const float *x;
  float *y;  // not x
  size_t channels, spatial, first, end, before, after;
  float alpha, bias;
  int quarters;
} zoo_local_response;
