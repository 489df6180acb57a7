#pragma once
#include <stddef.h>

#include "zoo_conv.h"

/// f32 convolution of one group to few output elements per channel. Elsewhere these lie along the lanes of vectors,
/// which they would not fill here: here output channels do.
///
/// Whether it is the better one: no residual, one group, and fewer elements than half a vector.
int zoo_conv_narrow_f32_suits(zoo_isa isa, const zoo_conv_shape *shape, const zoo_epilogue *epilogue);

/// Weights are packed by `zoo_gemm_f32_pack` as the transposed matrix [out_channels, in_channels · kernel].
size_t zoo_conv_narrow_f32_scratch_bytes(const zoo_conv_shape *shape);

/// `epilogue`: bias per output channel, activation; no residual.
void zoo_conv_narrow_f32_run(
    zoo_isa isa, const zoo_conv_shape *shape, const float *input, const void *packed,
    float *output, void *scratch, const zoo_epilogue *epilogue, int max_threads);
