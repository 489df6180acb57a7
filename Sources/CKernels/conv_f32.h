#pragma once
#include "gemm_f32.h"
#include "zoo_conv.h"

/// Elements of one channel of the input, of the kernel, of one channel of the output.
static inline int64_t conv_volume(const int64_t extents[3]) {
  return extents[0] * extents[1] * extents[2];
}

/// Fills a panel of the right side of a convolution's matrix product: `panel[k][width]`, where row k is one tap of one
/// channel and columns are consecutive output elements. What lies outside the input, and columns beyond `columns`, are
/// `padding`.
void zoo_conv_gather_f32(
    const zoo_conv_shape *shape, const float *group, int64_t column, int columns, int width,
    int64_t first_k, int64_t k, float padding, float *panel);

/// Whether the channel-by-channel kernel takes this shape; the answer does not depend on batch or spatial extents.
int zoo_conv_is_depthwise(const zoo_conv_shape *shape);

void zoo_conv_depthwise_f32_run(
    zoo_isa isa, const zoo_conv_shape *shape, const float *input, const float *weights,
    float *output, const zoo_epilogue *epilogue, int max_threads);
