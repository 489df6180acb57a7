#pragma once
#include <stddef.h>
#include <stdint.h>

#include "conv_f32.h"
#include "zoo_blocked.h"
#include "zoo_code_blocks.h"

typedef enum { ZOO_POOL_MEAN, ZOO_POOL_MAX, ZOO_POOL_SUM } zoo_pool_kind;

/// `finish_block` of `zoo_qgemm_kernels`.
typedef void (*zoo_finish_block)(
    const zoo_code_sums *sums, int64_t lane, int pixels, const float *residual, float *x);

/// What happens to the sums of a tile. Pointers are at the tile's first element.
typedef struct {
  float *out;
  const float *residual;  // laid out as `out`, or NULL
  int64_t block;          // floats from one block of channels to the next
  const float *bias;      // whole blocks, or NULL
  zoo_activation activation;
  const float *scale, *shift;  // applied after the activation; both or neither
  const zoo_code_sums *codes;  // NULL: real numbers; else only `out`, `residual` and `bias` are read besides
  zoo_finish_block finish;
  int64_t lane;                // the first output channel
} zoo_blocked_target;

/// What a tile sums over: `blocks` times `rows` × `columns` taps, each of some channels that lie side by side. The
/// weights lie in this order, [channel][output channels of the tile].
typedef struct {
  const float *in;         // the first channel that the first tap of the first pixel reads
  int64_t block, row;      // floats from one block of input channels, from one row of taps to the next
  const int64_t *columns;  // floats from the first tap of a row to each of its taps
  int rows, column_count;
  int64_t channels;        // of all blocks; the first block may begin in its middle
  int first;               // where in the first block
  const float *weights;
} zoo_blocked_source;

/// A row of one block of a channel-by-channel convolution, or of a pooling.
typedef struct {
  const float *in;       // the input row that the first tap row reads, column 0
  int64_t row;           // floats from one row of taps to the next
  int rows, columns;     // taps; all rows are inside the input
  int64_t width, out_width, stride, dilation, pad;
  const float *weights;  // [rows][columns][16]
} zoo_blocked_line;

/// Two rows of outputs, one below the other, of a channel-by-channel convolution with stride and dilation 1 and 3 or 5
/// columns of taps. `rows` of `line` are those of the input that either of the outputs reads, its weights the whole
/// filter.
typedef struct {
  zoo_blocked_line line;
  int first;  // row of taps with which the upper output reads `in`
  int taps;   // rows of taps
} zoo_blocked_two_lines;

/// What one instruction set brings to convolutions of blocks.
typedef struct {
  int max_pixels, max_blocks;

  /// Sums and stores `pixels` × `blocks` (1 ... the two maxima); pixels lie side by side in input and output.
  /// `planar`: the input's blocks are single channels, its pixels single floats.
  void (*tile)(
      int pixels, int blocks, int planar, const zoo_blocked_source *source,
      const zoo_blocked_target *target);

  void (*line)(const zoo_blocked_line *line, const zoo_blocked_target *target);
  /// The same sums as two lines, with fewer loads; `target` is the upper one's. NULL where registers are too few.
  void (*two_lines)(const zoo_blocked_two_lines *lines, const zoo_blocked_target *target);

  /// to[i] = from[i · stride]
  void (*every)(int64_t count, int64_t stride, const float *from, float *to);

  /// One row of a pooling; `divisors`: what each sum is divided by, NULL for maxima.
  void (*pool)(const zoo_blocked_line *line, const float *divisors, float *out);
  /// The mean, the maximum or the sum of all pixels of each block.
  void (*pool_all)(
      int64_t blocks, int64_t pixels, zoo_pool_kind kind, const float *in, float *out);

  /// out = activation(in · scale + shift), lane by lane; NULL: 1, 0. `out` may be `in`.
  void (*affine)(
      int64_t pixels, const float *in, const float *scale, const float *shift,
      const zoo_activation *activation, float *out);

  /// Row `y` of a resized block.
  void (*resize_row)(const zoo_blocked_resize *resize, int64_t y, const float *plane, float *out);

  /// Between `channels` ≤ 16 planes, `plane` floats apart, and one block, for `count` pixels.
  void (*from_planes)(
      int channels, int64_t count, const float *planes, int64_t plane, float *block);
  void (*to_planes)(
      int channels, int64_t count, const float *block, float *planes, int64_t plane);

  /// Winograd F(4 × 4, 3 × 3) for one block: 36 numbers of a tile are `apart` floats apart. `patch` holds 6 × 6 pixels,
  /// `row` floats from row to row.
  void (*winograd_in)(const float *patch, int64_t row, float *numbers, int64_t apart);
  /// `rows` × `columns` (1 ... 4) of the 4 × 4 outputs are stored, `row` floats from row to row.
  void (*winograd_out)(
      const float *numbers, int64_t apart, int rows, int columns, int64_t row,
      const zoo_blocked_target *target);
  /// 36 × `count` numbers, `apart` floats apart, of taps[9][count]; `count` is a multiple of 16.
  void (*winograd_weights)(int64_t count, const float *taps, float *numbers, int64_t apart);
} zoo_blocked_kernels;

extern const zoo_blocked_kernels zoo_blocked_portable;
#if defined(__x86_64__)
extern const zoo_blocked_kernels zoo_blocked_avx2;
extern const zoo_blocked_kernels zoo_blocked_avx512;
#elif defined(__aarch64__)
extern const zoo_blocked_kernels zoo_blocked_neon;
#endif

/// The kernels of `isa`; the portable ones if this program was built without it.
const zoo_blocked_kernels *zoo_blocked_table(zoo_isa isa);

/// Output channels that are computed together: whole blocks of one group, or some lanes of one block where groups do
/// not end with blocks.
typedef struct {
  int64_t block;
  int blocks;
  int first_lane, end_lane;
  int64_t first_channel, channels;  // of the input
  int64_t weights;                  // where in the packed weights
} zoo_blocked_unit;

/// A convolution with its packed weights, as the forms' runners get it.
typedef struct {
  const zoo_blocked_kernels *kernels;
  const zoo_conv_shape *shape;
  const float *input, *bias, *weights;
  float *output;
  const zoo_blocked_epilogue *epilogue;
  zoo_finish_block finish;
} zoo_blocked_conv;

/// The target that begins at element `at` of the output, in block `block` of its channels; blocks are `plane` floats
/// apart.
static inline zoo_blocked_target zoo_blocked_target_at(
    const zoo_blocked_conv *conv, int64_t at, int64_t block, int64_t plane) {
  const zoo_blocked_epilogue *e = conv->epilogue;
  const int64_t lane = block * ZOO_CHANNEL_BLOCK;
  return (zoo_blocked_target){
      .out = conv->output + at, .residual = e->residual ? e->residual + at : NULL, .block = plane,
      .bias = conv->bias + lane, .activation = e->activation,
      .scale = e->scale ? e->scale + lane : NULL, .shift = e->scale ? e->shift + lane : NULL,
      .codes = e->codes, .finish = conv->finish, .lane = lane};
}

void zoo_blocked_direct_run(const zoo_blocked_conv *conv, int planar, int max_threads);
void zoo_blocked_depthwise_run(const zoo_blocked_conv *conv, int max_threads);
void zoo_blocked_winograd_run(const zoo_blocked_conv *conv, int max_threads);

static inline int64_t blocks_of(int64_t channels) {
  return (channels + ZOO_CHANNEL_BLOCK - 1) / ZOO_CHANNEL_BLOCK;
}
