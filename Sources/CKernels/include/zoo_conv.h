#pragma once
#include <stddef.h>
#include <stdint.h>

#include "zoo_cpu.h"
#include "zoo_gemm.h"

/// The extents of a convolution over up to three spatial axes, outermost first; axes that a model does not have are of
/// extent 1. Tensors are [batch, channels, spatial…], weights [out_channels, in_channels / groups, kernel…].
typedef struct {
  int64_t batch, groups, in_channels, out_channels;  // channels of all groups
  int64_t input[3], kernel[3], output[3];
  int64_t stride[3], dilation[3], pad[3];            // `pad`: what lies before the first element
} zoo_conv_shape;

/// f32 convolution with weights that are packed once, as a matrix product whose right side is gathered from the input
/// while it is packed, or channel by channel where each output channel reads one input channel.
///
/// Bytes that `zoo_conv_f32_pack` fills; align them to 64. They fit any batch and any spatial extents of the same
/// channels, groups and kernel.
size_t zoo_conv_f32_packed_bytes(zoo_isa isa, const zoo_conv_shape *shape);
void zoo_conv_f32_pack(
    zoo_isa isa, const zoo_conv_shape *shape, const float *weights, void *packed);

/// `epilogue`: bias per output channel (`bias_per_row` is ignored), residual of the output's shape; may be NULL.
void zoo_conv_f32_run(
    zoo_isa isa, const zoo_conv_shape *shape, const float *input, const void *packed,
    float *output, const zoo_epilogue *epilogue, int max_threads);

/// f32 transposed convolution. `shape` describes it from its input to its output: input[axis] elements are `stride`
/// apart in the output, `pad` output elements are cut off before the first. Weights are
/// [in_channels, out_channels / groups, kernel…].
size_t zoo_conv_transpose_f32_scratch_bytes(const zoo_conv_shape *shape);
void zoo_conv_transpose_f32_run(
    zoo_isa isa, const zoo_conv_shape *shape, const float *input, const float *weights,
    const float *bias, float *output, void *scratch, int max_threads);
