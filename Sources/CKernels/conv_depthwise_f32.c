// Convolution channel by channel, for shapes where each output channel reads one input channel: a matrix product would
// have one row, and gather as much as it computes.
//
// The output is cut into blocks. The part of the input that a block reads is copied with its padding into scratch
// memory, columns sorted by their remainder modulo the stride, so that every tap reads consecutive elements.
#include <string.h>

#include "conv_f32.h"
#include "extents.h"
#include "thread_scratch.h"
#include "zoo_threads.h"

enum {
  MAX_TAPS = 512,
  BLOCK_COLUMNS = 512,
  SCRATCH_FLOATS = 1 << 16,
  SLACK = 128,  // floats that vectors read and write past the end of a row
  MIN_STEPS_PER_THREAD = 1 << 17,
};

/// Input columns (or rows) that `count` outputs along an axis read.
static int64_t reach(const zoo_conv_shape *shape, int axis, int64_t count) {
  return (count - 1) * shape->stride[axis] + (shape->kernel[axis] - 1) * shape->dilation[axis] + 1;
}

/// Floats of one copied input row: one part for each remainder.
static int64_t row_floats(const zoo_conv_shape *shape, int64_t columns) {
  return divide_up(reach(shape, 2, columns), shape->stride[2]) * shape->stride[2];
}

int zoo_conv_is_depthwise(const zoo_conv_shape *shape) {
  if (shape->in_channels != shape->groups || conv_volume(shape->kernel) > MAX_TAPS) return 0;
  for (int axis = 0; axis < 3; axis++) {
    if (shape->stride[axis] > 64 || shape->dilation[axis] > 64) return 0;
  }
  // The smallest block, one row of BLOCK_COLUMNS, has to fit.
  const double row = (double)row_floats(shape, BLOCK_COLUMNS);
  return row * (double)shape->kernel[0] * (double)reach(shape, 1, 1) + SLACK <= SCRATCH_FLOATS;
}

typedef struct {
  const zoo_gemm_f32_kernels *kernels;
  const zoo_conv_shape *shape;
  const float *input, *weights;
  zoo_tile_target target;
  int64_t columns, rows;     // of a block
  int64_t row, slice;        // floats of a copied row, of a copied slice (all rows of one tap along z)
  int64_t offsets[MAX_TAPS];
} job;

/// Copies row (z, y) of the input, from column x0 on, `columns` of them.
static void copy_row(
    const job *j, const float *plane, int64_t z, int64_t y, int64_t x0, int64_t columns,
    float *to) {
  const zoo_conv_shape *shape = j->shape;
  const int64_t stride = shape->stride[2], part = j->row / stride;
  const int inside = z >= 0 && z < shape->input[0] && y >= 0 && y < shape->input[1];
  const float *from = plane + (z * shape->input[1] + y) * shape->input[2] + x0;
  const int64_t first = lesser(columns, greater(0, -x0));
  const int64_t end = lesser(columns, greater(first, shape->input[2] - x0));
  if (!inside || first > 0 || end < columns) memset(to, 0, (size_t)j->row * sizeof(float));
  if (!inside) return;
  if (stride == 1) {
    memcpy(to + first, from + first, (size_t)(end - first) * sizeof(float));
    return;
  }
  for (int64_t remainder = 0; remainder < stride; remainder++) {
    float *out = to + remainder * part;
    int64_t i = divide_up(greater(0, first - remainder), stride);
    for (int64_t x = remainder + i * stride; x < end; x += stride) out[i++] = from[x];
  }
}

static void run_block(
    const job *j, int64_t image_channel, int64_t z, int64_t y0, int64_t x0, float *scratch) {
  const zoo_conv_shape *shape = j->shape;
  const int64_t channel = image_channel % shape->out_channels;
  const int64_t image = image_channel / shape->out_channels;
  const int64_t source = channel / (shape->out_channels / shape->groups);
  const float *plane =
      j->input + (image * shape->in_channels + source) * conv_volume(shape->input);
  const int64_t rows = lesser(j->rows, shape->output[1] - y0);
  const int64_t columns = lesser(j->columns, shape->output[2] - x0);
  const int64_t in_rows = reach(shape, 1, rows), in_columns = reach(shape, 2, columns);
  float *copied = scratch + BLOCK_COLUMNS + SLACK;
  for (int64_t kz = 0; kz < shape->kernel[0]; kz++) {
    const int64_t in_z = z * shape->stride[0] + kz * shape->dilation[0] - shape->pad[0];
    for (int64_t r = 0; r < in_rows; r++) {
      copy_row(
          j, plane, in_z, y0 * shape->stride[1] - shape->pad[1] + r,
          x0 * shape->stride[2] - shape->pad[2], in_columns, copied + kz * j->slice + r * j->row);
    }
  }
  const int taps = (int)conv_volume(shape->kernel);
  for (int64_t y = 0; y < rows; y++) {
    j->kernels->taps(
        taps, j->offsets, j->weights + channel * taps, copied + y * shape->stride[1] * j->row,
        columns, scratch);
    zoo_tile_target target = j->target;
    const int64_t at =
        ((image_channel * shape->output[0] + z) * shape->output[1] + y0 + y) * shape->output[2] +
        x0;
    target.c += at;
    if (target.residual) target.residual += at;
    if (target.bias) target.bias += channel;
    j->kernels->finish(scratch, columns, 1, columns, &target);
  }
}

static void run_channels(void *context, int64_t begin, int64_t end) {
  const job *j = context;
  const zoo_conv_shape *shape = j->shape;
  float *scratch =
      zoo_thread_scratch((SCRATCH_FLOATS + BLOCK_COLUMNS + 2 * SLACK) * sizeof(float));
  for (int64_t channel = begin; channel < end; channel++) {
    for (int64_t z = 0; z < shape->output[0]; z++) {
      for (int64_t y = 0; y < shape->output[1]; y += j->rows) {
        for (int64_t x = 0; x < shape->output[2]; x += j->columns) {
          run_block(j, channel, z, y, x, scratch);
        }
      }
    }
  }
}

void zoo_conv_depthwise_f32_run(
    zoo_isa isa, const zoo_conv_shape *shape, const float *input, const float *weights,
    float *output, const zoo_epilogue *epilogue, int max_threads) {
  job j = {
      .kernels = zoo_gemm_f32_table(isa), .shape = shape, .input = input, .weights = weights,
      .target = zoo_tile_target_of(output, shape->output[2], 1, epilogue)};
  j.target.bias_per_row = 1;
  j.columns = lesser(BLOCK_COLUMNS, greater(1, shape->output[2]));
  j.row = row_floats(shape, j.columns);
  // As many rows as fit.
  const int64_t lines = (SCRATCH_FLOATS - SLACK) / (j.row * shape->kernel[0]);
  const int64_t window = (shape->kernel[1] - 1) * shape->dilation[1] + 1;
  j.rows = greater(1, (lines - window) / shape->stride[1] + 1);
  j.rows = lesser(j.rows, greater(1, shape->output[1]));
  j.slice = j.row * reach(shape, 1, j.rows);
  int64_t tap = 0;
  for (int64_t z = 0; z < shape->kernel[0]; z++) {
    for (int64_t y = 0; y < shape->kernel[1]; y++) {
      for (int64_t x = 0; x < shape->kernel[2]; x++) {
        const int64_t column = x * shape->dilation[2], stride = shape->stride[2];
        j.offsets[tap++] = z * j.slice + y * shape->dilation[1] * j.row +
                           column % stride * (j.row / stride) + column / stride;
      }
    }
  }
  const int64_t steps = conv_volume(shape->output) * conv_volume(shape->kernel);
  zoo_parallel_for(
      shape->batch * shape->out_channels, greater(1, MIN_STEPS_PER_THREAD / greater(steps, 1)),
      max_threads, run_channels, &j);
}
