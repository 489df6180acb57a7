#pragma once

#include <stddef.h>
#include <stdint.h>

#include "zoo_attention.h"
#include "zoo_cpu.h"
#include "zoo_norm.h"
#include "zoo_pool.h"
#include "zoo_qlinear.h"
#include "zoo_recurrent.h"
#include "zoo_reduce.h"
#include "zoo_softmax.h"

#pragma clang assume_nonnull begin

/// One row of `zoo_block_weights`: its codes, and a scale and a zero point for each block.
typedef struct {
  const uint8_t *codes;
  const float *scales;
  const float *zeros;
  int bits;
  size_t block;
  size_t k;
} zoo_block_row;

/// The f32 row kernels of one instruction set. All are pure functions of their operands: no state, no allocation, no
/// threads of their own; callers split rows, groups or planes among threads without changing a bit of the result.
typedef struct {
  void (*softmax_rows)(const zoo_softmax_rows *);
  void (*softmax_columns)(const zoo_softmax_columns *);
  void (*row_norm)(const zoo_row_norm *);
  void (*group_norm)(const zoo_group_norm *);
  void (*local_response)(const zoo_local_response *);
  /// y[c, s] = x[c, s] · scale[c] + shift[c]: batch norm with its statistics folded. y may be x.
  void (*scale_shift)(const float *x, const float *scale, const float *shift, float *y, size_t channels,
                      size_t spatial);
  /// Index of the greatest (or least) value along the axis of [outer, axis, inner]: the first one, or the last.
  /// NaN counts as greater (less) than anything. axis must be in 1 ..< 2³¹.
  void (*arg_extreme)(const float *x, int64_t *y, size_t outer, size_t axis, size_t inner, int is_min, int last);
  void (*max_pool_2d)(const zoo_pool_2d *, const float *x, float *y, float *scratch);
  void (*average_pool_2d)(const zoo_pool_2d *, const float *x, float *y, float *scratch);
  void (*lstm_cell)(const zoo_lstm_cell *);
  void (*gru_cell)(const zoo_gru_cell *);
  /// Tasks begin ..< end of the `zoo_attention_tasks`.
  void (*attention)(const zoo_attention *, int64_t begin, int64_t end);
  /// Queries of one of them.
  int64_t attention_lanes;
  void (*f16_to_f32)(const uint16_t *x, float *y, size_t n);
  void (*f32_to_f16)(const float *x, uint16_t *y, size_t n);  // halves to even
  void (*bf16_to_f32)(const uint16_t *x, float *y, size_t n);
  void (*f32_to_bf16)(const float *x, uint16_t *y, size_t n);  // halves to even
  /// y = saturate(round_half_even(x / scale) + zero_point); NaN counts as 0.
  void (*quantize_u8)(const float *x, uint8_t *y, size_t n, float scale, int32_t zero_point);
  void (*quantize_s8)(const float *x, int8_t *y, size_t n, float scale, int32_t zero_point);
  /// y = (x - zero_point) · scale
  void (*dequantize_u8)(const uint8_t *x, float *y, size_t n, float scale, int32_t zero_point);
  void (*dequantize_s8)(const int8_t *x, float *y, size_t n, float scale, int32_t zero_point);
  void (*dequantize_s32)(const int32_t *x, float *y, size_t n, float scale, int32_t zero_point);
  /// The least and the greatest value; +infinity and -infinity when n is 0. NaN is skipped.
  void (*range)(const float *x, size_t n, float *least, float *greatest);
  /// k numbers: (code − zero) · scale
  void (*block_row)(const zoo_block_row *, float *out);
  /// Their product with a[k]; `sums` has the sum of each block of a.
  float (*block_dot)(const zoo_block_row *, const float *a, const float *sums);
  /// y = saturate(round(((a − a_zero) · a_scale + (b − b_zero) · b_scale) / y_scale + y_zero))
  void (*qlinear_add_u8)(const zoo_qlinear_binary *);
  void (*qlinear_add_s8)(const zoo_qlinear_binary *);
  /// y = saturate(round((a − a_zero) · (b − b_zero) · (a_scale · b_scale / y_scale) + y_zero))
  void (*qlinear_mul_u8)(const zoo_qlinear_binary *);
  void (*qlinear_mul_s8)(const zoo_qlinear_binary *);
} zoo_vector_kernels;

/// The kernels for an instruction set that `zoo_isa_available`; the portable ones otherwise.
const zoo_vector_kernels *zoo_vector_kernels_for(zoo_isa isa);

zoo_reduce_f32 zoo_reduce_f32_kernel(zoo_isa isa, zoo_reduce op);

#pragma clang assume_nonnull end
