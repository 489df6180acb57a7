#pragma once
#include <stddef.h>
#include <stdint.h>

#include "zoo_conv.h"
#include "zoo_cpu.h"
#include "zoo_gemm.h"

/// 8-bit matrix products and convolutions with exact 32-bit sums (modulo 2³²):
/// sum[i, j] = Σ (A[i, p] − a_zero[i]) · (B[p, j] − b_zero[j]). Each side may be signed or unsigned. All results are the
/// same to the bit for every instruction set and number of threads.

typedef enum {
  ZOO_QOUT_S32,  // sum
  ZOO_QOUT_F32,  // epilogue(sum · a_scale[i] · b_scale[j])
  ZOO_QOUT_U8,   // round(sum · (a_scale[i] · b_scale[j] / c_scale)) + c_zero, saturated; ties to even
  ZOO_QOUT_S8,
} zoo_qout;

/// Scales and zero points of one side: one, or one per row of A or per column of B.
typedef struct {
  int is_signed;        // elements and zero points are int8, else uint8
  const void *zero;     // NULL: 0
  int zero_per_line;
  const float *scale;   // NULL: 1; not used for ZOO_QOUT_S32
  int scale_per_line;
} zoo_qside;

/// 8-bit numbers that stand for real ones: real = (code − zero) · scale.
typedef struct {
  float scale;
  int32_t zero;
  int32_t low, high;  // bounds of the codes; both 0: those of the type
} zoo_qcodes;

/// What becomes of the sums.
typedef struct {
  zoo_qout kind;
  const int32_t *bias;    // added to the sum, one per column; NULL: none
  float scale;            // c_scale
  int32_t zero;           // c_zero
  int32_t low, high;      // bounds of the codes; both 0: those of the type
  zoo_epilogue epilogue;  // for ZOO_QOUT_F32, and for bytes that go through real numbers; its bias is per column

  /// If `is_stretched`, activation(…) · factor + addend, each rounded by itself, takes the place of activation(…).
  int is_stretched;
  float factor, addend;

  /// For bytes: c = round(activation(real + residual) / c_scale) + c_zero, where real = sum · a_scale · b_scale + bias, or,
  /// if `inner.scale` is not 0, the real number of the code that this is first rounded to.
  int through_real;
  zoo_qcodes inner;
  const void *residual;   // bytes to be added, rows `epilogue.residual_ld` apart; NULL: epilogue.residual, if any
  int residual_is_signed;
  float residual_scale;
  int32_t residual_zero;

  float reciprocal, rest;  // set by the kernels: the sum of both is 1 / scale with twice the precision of f32
} zoo_qtarget;

/// Bytes that `zoo_qgemm_pack` fills for a right side B[k, n]; align them to 64.
size_t zoo_qgemm_packed_bytes(zoo_isa isa, int64_t k, int64_t n);
/// `transposed`: `b` holds [n, k].
void zoo_qgemm_pack(
    zoo_isa isa, int64_t k, int64_t n, const void *b, int64_t ldb, int transposed, int is_signed,
    void *packed);

/// A is [m, k], row-major. `packed`: from `zoo_qgemm_pack`.
void zoo_qgemm_run(
    zoo_isa isa, int64_t m, int64_t n, int64_t k, const void *a, int64_t lda, zoo_qside a_side,
    const void *packed, zoo_qside b_side, void *c, int64_t ldc, const zoo_qtarget *target,
    int max_threads);

/// 8-bit convolution with channels last: input [batch, spatial…, in_channels], output and residual
/// [batch, spatial…, out_channels]; weights as `zoo_conv_shape` says. Padding reads the input's zero point.
/// `weights_side` has lines per output channel, the input one scale and one zero point. Bias is per output channel.
size_t zoo_qconv_packed_bytes(zoo_isa isa, const zoo_conv_shape *shape);
void zoo_qconv_pack(
    zoo_isa isa, const zoo_conv_shape *shape, const void *weights, int is_signed, void *packed);
/// Bytes of `scratch`: copies of an input that is signed, or of so few channels that it is read with its padding around it.
size_t zoo_qconv_scratch_bytes(const zoo_conv_shape *shape, int input_is_signed);
void zoo_qconv_run(
    zoo_isa isa, const zoo_conv_shape *shape, const void *input, zoo_qside input_side,
    const void *packed, zoo_qside weights_side, void *output, const zoo_qtarget *target,
    void *scratch, int max_threads);

/// Quantizes to uint8 as ONNX `DynamicQuantizeLinear` does: one scale and zero point for each of `rows` rows of `columns`.
/// The range always includes 0; ties round to even.
void zoo_quantize_dynamic(
    zoo_isa isa, int64_t rows, int64_t columns, const float *x, uint8_t *y, float *scales,
    uint8_t *zeros, int max_threads);
