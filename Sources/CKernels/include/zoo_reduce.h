#pragma once

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

#define ZOO_REDUCE_LIST(X) \
  X(sum) X(mean) X(max) X(min) X(prod) X(sum_square) X(l1) X(l2) X(log_sum) X(log_sum_exp)

typedef enum {
#define X(name) zoo_reduce_##name,
  ZOO_REDUCE_LIST(X)
#undef X
  zoo_reduce_count
} zoo_reduce;

/// y[o, i] = reduction over a of x[o, a, i]; x is [outer, axis, inner], y [outer, inner], and they must not overlap.
/// Sums are accumulated in blocks, so that their error does not grow with the axis. An axis of 0 gives the neutral
/// element (mean: NaN). Max and min are NaN if any operand is.
typedef void (*zoo_reduce_f32)(const float *x, float *y, size_t outer, size_t axis, size_t inner);

/// "sum", "mean", …
const char *zoo_reduce_name(zoo_reduce op);

#pragma clang assume_nonnull end
