#pragma once
#include <stddef.h>
#include <stdint.h>

#include "zoo_code_blocks.h"
#include "zoo_conv.h"
#include "zoo_cpu.h"
#include "zoo_gemm.h"

/// Images in channel blocks: f32 [batch, ⌈channels / 16⌉, height, width, 16], so that vectors hold the channels of one
/// pixel and neighbouring pixels are neighbours in memory. The lanes beyond the last channel hold anything; no kernel
/// lets them reach another lane. One block size serves every instruction set, so layouts do not depend on it.
enum { ZOO_CHANNEL_BLOCK = 16 };

/// Copies `planes` images of [channels, pixels] to and from blocks. Lanes beyond the last channel become 0.
void zoo_blocks_from_planes(
    zoo_isa isa, int64_t images, int64_t channels, int64_t pixels, const float *planes,
    float *blocks, int max_threads);
void zoo_planes_from_blocks(
    zoo_isa isa, int64_t images, int64_t channels, int64_t pixels, const float *blocks,
    float *planes, int max_threads);

/// The same with channels last, images of [pixels, channels].
void zoo_blocks_from_pixels(
    int64_t images, int64_t channels, int64_t pixels, const float *from, float *blocks,
    int max_threads);
void zoo_pixels_from_blocks(
    int64_t images, int64_t channels, int64_t pixels, const float *blocks, float *to,
    int max_threads);

/// How a convolution over blocks is computed.
typedef enum {
  ZOO_BLOCKED_NONE = 0,   // not at all: a kernel over planes has to be used
  ZOO_BLOCKED_DIRECT,     // tiles of pixels × output channels, any kernel, any groups
  ZOO_BLOCKED_DEPTHWISE,  // each output channel reads the input channel at its own place
  ZOO_BLOCKED_PLANES,     // direct; few input channels, which are read from planes
  ZOO_BLOCKED_WINOGRAD,   // 3 × 3 kernels, 4 × 4 outputs at a time with a quarter of the multiplications
} zoo_blocked_form;

/// 2-D convolution of blocks (extent 1 along the first of the three axes of `zoo_conv_shape`).
///
/// The sum of an output element runs over channel blocks, kernel rows, kernel columns and channels in this order, in
/// one chain of fused multiply-adds (portable: multiply, then add); so results do not depend on the number of threads.
/// Winograd's sums differ from it by rounding: Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks".

/// False if the environment variable ZOO_CONV is `planes`: no value shall be kept in blocks. Read once, when the
/// process starts.
int zoo_blocked_is_wanted(void);

/// The cheapest form by estimate, or the one that ZOO_CONV (`direct`, `winograd`) names if it takes this shape.
/// `from_planes`: whether the input is there as planes only.
zoo_blocked_form zoo_blocked_conv_form(const zoo_conv_shape *shape, int from_planes);

/// Whether `form` can compute this shape. The answer does not depend on batch or spatial extents.
int zoo_blocked_conv_takes(const zoo_conv_shape *shape, zoo_blocked_form form);

/// Bytes that `zoo_blocked_conv_pack` fills; align them to 64. They fit any batch and any spatial extents.
size_t zoo_blocked_conv_packed_bytes(
    zoo_isa isa, const zoo_conv_shape *shape, zoo_blocked_form form);

/// Packs weights [out_channels, in_channels / groups, kernel…], each output channel's multiplied by its `gain`
/// (NULL: 1), and a bias per output channel (NULL: 0). Subnormal weights become 0.
void zoo_blocked_conv_pack(
    zoo_isa isa, const zoo_conv_shape *shape, zoo_blocked_form form, const float *weights,
    const float *gain, const float *bias, void *packed);

/// What happens to a sum before it is stored: y = activation(sum + bias + residual) · scale + shift.
typedef struct {
  const float *residual;       // blocks as the output, or NULL; may be the output itself
  zoo_activation activation;
  const float *scale, *shift;  // whole blocks of output channels; both or neither
  /// Sums of differences of codes, see `zoo_code_blocks.h`. Only a residual, which must not be the output, and a bias of
  /// whole numbers are given besides; Winograd's form does not compute them.
  const zoo_code_sums *codes;
} zoo_blocked_epilogue;

void zoo_blocked_conv_run(
    zoo_isa isa, const zoo_conv_shape *shape, zoo_blocked_form form, const float *input,
    const void *packed, float *output, const zoo_blocked_epilogue *epilogue, int max_threads);

/// Transposed convolution from blocks whose kernel is as large as its stride, so that no two input pixels meet in one
/// output pixel. `shape` describes it from its input to its output, weights are [in_channels, out_channels, kernel…].
/// The output is in blocks or, for few channels, in planes.
int zoo_blocked_spread_takes(const zoo_conv_shape *shape, int to_planes);
size_t zoo_blocked_spread_packed_bytes(zoo_isa isa, const zoo_conv_shape *shape, int to_planes);
void zoo_blocked_spread_pack(
    zoo_isa isa, const zoo_conv_shape *shape, int to_planes, const float *weights,
    const float *bias, void *packed);
void zoo_blocked_spread_run(
    zoo_isa isa, const zoo_conv_shape *shape, int to_planes, const float *input,
    const void *packed, zoo_activation activation, float *output, int max_threads);

/// Pooling with windows; extents and strides as in `zoo_conv_shape` (the first axis is ignored, channels are equal).
typedef struct {
  zoo_conv_shape shape;
  int is_max;
  int counts_padding;        // averages: elements of the padding are counted, too
  int64_t pad_end[3];        // what is counted behind the last element
} zoo_blocked_pool;

/// `divisors`: output[2] floats of scratch memory.
void zoo_blocked_pool_run(
    zoo_isa isa, const zoo_blocked_pool *pool, const float *input, float *output,
    float *divisors, int max_threads);

/// The mean or the maximum of each channel: `blocks` images of `pixels` × 16 become 16 floats each.
void zoo_blocked_pool_all(
    zoo_isa isa, int64_t blocks, int64_t pixels, int is_max, const float *input, float *output,
    int max_threads);

/// output = activation(input · scale + shift): `scale` and `shift` hold 16 floats for each of `period` blocks, which
/// are used again and again; NULL: 1, 0. `output` may be `input`.
void zoo_blocked_affine_run(
    zoo_isa isa, int64_t blocks, int64_t pixels, int64_t period, const float *input,
    const float *scale, const float *shift, zoo_activation activation, float *output,
    int max_threads);

/// Rows and columns that are sums of some taps of the original ones: positions and weights [extent][taps].
typedef struct {
  int64_t height, width, out_height, out_width;
  int64_t row_taps, column_taps;
  const int32_t *rows, *columns;
  const float *row_weights, *column_weights;
} zoo_blocked_resize;

void zoo_blocked_resize_run(
    zoo_isa isa, int64_t blocks, const zoo_blocked_resize *resize, const float *input,
    float *output, int max_threads);

/// Copies `channels` channels to where channel `first` of `out_channels` is. Blocks that hold channels of several such
/// copies are filled by all of them, so they must not run at the same time.
void zoo_blocks_insert(
    int64_t images, int64_t channels, int64_t pixels, const float *input, int64_t first,
    int64_t out_channels, float *output, int max_threads);

/// Output channel i is input channel `channels[i]`; lanes beyond `out_channels` hold anything.
void zoo_blocks_select(
    int64_t images, int64_t in_channels, int64_t out_channels, int64_t pixels,
    const int32_t *channels, const float *input, float *output, int max_threads);
