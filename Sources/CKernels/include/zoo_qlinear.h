#pragma once

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// A run of elements of two 8-bit operands and their result; an operand of stride 0 is one element, repeated.
/// A real value is (element − zero) · scale; ties round to even after `y_zero` is added.
typedef struct {
  const void *a;
  const void *b;
  void *y;
  size_t count;
  int a_stride;
  int b_stride;
  float a_scale;
  float b_scale;
  float y_scale;
  int32_t a_zero;
  int32_t b_zero;
  int32_t y_zero;
} zoo_qlinear_binary;

#pragma clang assume_nonnull end
