#pragma once
#include <stdint.h>

#include "zoo_cpu.h"
#include "zoo_qgemm.h"
#include "zoo_qplane.h"

/// 8-bit images in channel blocks, as f32: the differences code − zero point, in the layout of `zoo_blocked.h`.
///
/// Products and sums of such numbers are exact as long as no sum can leave ±2²⁴, in any order, with fused multiply-adds
/// or without. Kernels for real numbers then give, to the bit, what those for bytes give, and are the faster ones where a
/// byte instruction does little at once: channel by channel, between small maps, on CPUs without VNNI.

/// What the environment variable ZOO_CODES asks for: all codes as `bytes`, those of images in `blocks` wherever results stay
/// the same, or, if it is not set, the form that takes less by estimate. Read once, when the process starts.
typedef enum { ZOO_CODES_BY_COST, ZOO_CODES_BYTES, ZOO_CODES_BLOCKS } zoo_code_form;
zoo_code_form zoo_code_form_wanted(void);

/// What becomes of the sums of a convolution of differences.
typedef struct {
  /// Its biases are not read. A residual is in blocks, given where the sums are; only whether `residual` (differences) or
  /// `epilogue.residual` (real numbers) is NULL counts here.
  zoo_qtarget target;
  const float *scales, *bias;  // whole blocks of channels, from `zoo_code_scales_set`; no bias: NULL
  int is_moderate;
} zoo_code_sums;

/// Fills `scales` and, if the target has one, `bias` for `channels` channels, and the lanes beyond with 0; returns what
/// `is_moderate` is.
int zoo_code_scales_set(
    const zoo_qtarget *target, const zoo_qside *x_side, const zoo_qside *weights_side,
    int64_t channels, float *scales, float *bias);

zoo_code_sums zoo_code_sums_of(
    const zoo_qtarget *target, const float *scales, const float *bias, int is_moderate);

/// Between bytes and blocks. Bytes are [images, channels, pixels] or, with `channels_last`, [images, pixels, channels].
typedef struct {
  int64_t images, channels, pixels;
  int channels_last;
  int is_signed;
  int32_t zero;
} zoo_code_layout;
void zoo_code_blocks_from_bytes(
    zoo_isa isa, const zoo_code_layout *layout, const uint8_t *bytes, float *blocks,
    int max_threads);
void zoo_code_blocks_to_bytes(
    zoo_isa isa, const zoo_code_layout *layout, const float *blocks, uint8_t *bytes,
    int max_threads);

/// Real numbers rounded to differences, as ONNX's `QuantizeLinear` rounds. `count`: a multiple of 16.
void zoo_code_blocks_quantize(
    zoo_isa isa, int64_t count, const float *x, const zoo_qform *to, float *y, int max_threads);

/// `blocks` images of `pixels` × 16 joined as `join` says, whose lines are not read. Of an operand with a step of 0 there
/// is one pixel for each block. `c` may be an operand that has all pixels.
void zoo_code_blocks_join(
    zoo_isa isa, const zoo_qjoin *join, int64_t blocks, int64_t pixels, const float *a,
    int64_t a_step, const float *b, int64_t b_step, float *c, int max_threads);

/// The mean of each channel as differences, or as real numbers if `to` is NULL; as `zoo_qpool_average` rounds.
void zoo_code_blocks_average(
    zoo_isa isa, int64_t blocks, int64_t pixels, float scale, const zoo_qform *to, const float *x,
    float *y, int max_threads);
