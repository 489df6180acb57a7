#pragma once

#include <stddef.h>

#pragma clang assume_nonnull begin

/// Two-dimensional pooling of `planes` contiguous images. Window (r, c) covers the rows
/// `r · stride_h - pad_top + k · dilation_h`, k < kernel_h, and columns likewise.
typedef struct {
  size_t planes, in_h, in_w, out_h, out_w;
  size_t kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w;
  size_t pad_top, pad_left, pad_bottom, pad_right;
  int count_include_pad;  // average: padding counts in the divisor, what lies beyond it does not
} zoo_pool_2d;

/// How many floats of scratch memory one call needs; one thread's memory is its own.
size_t zoo_pool_2d_scratch(const zoo_pool_2d *shape);

/// The mean of each of `planes` contiguous runs of `extent` values, added in storage order, one rounding a value.
///
/// ONNX Runtime adds in this order, too, and a model's answer is checked against it: over a large plane of equal values (a white
/// page) the roundings all go one way, and any other order, closer to the true mean or not, gives another answer.
void zoo_global_average_f32(const float *x, float *y, size_t planes, size_t extent);

#pragma clang assume_nonnull end
