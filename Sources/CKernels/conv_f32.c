// f32 convolution as a matrix product: rows are output channels, columns output elements, k runs over channels and
// taps. One product per image and group.
#include "conv_f32.h"

#include <string.h>

#include "subnormal.h"
#include "zoo_threads.h"

typedef struct {
  const zoo_conv_shape *shape;
  const float *group;  // the input channels of one group of one image
  int is_plain;        // every output element reads the input element at its own place
} source;

static void pack_right(
    const void *context, int64_t column, int columns, int width, int64_t first_k, int64_t k,
    float *panel) {
  const source *s = context;
  if (s->is_plain) {
    const int64_t ld = conv_volume(s->shape->input);
    zoo_gemm_f32_pack_columns(k, columns, width, s->group + first_k * ld + column, ld, panel);
  } else {
    zoo_conv_gather_f32(s->shape, s->group, column, columns, width, first_k, k, 0, panel);
  }
}

static int is_plain(const zoo_conv_shape *shape) {
  for (int axis = 0; axis < 3; axis++) {
    if (shape->kernel[axis] != 1 || shape->stride[axis] != 1 || shape->pad[axis] != 0 ||
        shape->input[axis] != shape->output[axis]) {
      return 0;
    }
  }
  return 1;
}

static int64_t rows_of(const zoo_conv_shape *shape) { return shape->out_channels / shape->groups; }

static int64_t depth_of(const zoo_conv_shape *shape) {
  return shape->in_channels / shape->groups * conv_volume(shape->kernel);
}

size_t zoo_conv_f32_packed_bytes(zoo_isa isa, const zoo_conv_shape *shape) {
  (void)isa;
  return (size_t)(shape->out_channels * depth_of(shape)) * sizeof(float);
}

void zoo_conv_f32_pack(
    zoo_isa isa, const zoo_conv_shape *shape, const float *weights, void *packed) {
  const int64_t rows = rows_of(shape), k = depth_of(shape);
  const size_t bytes = zoo_conv_f32_packed_bytes(isa, shape);
  if (zoo_conv_is_depthwise(shape)) {
    memcpy(packed, weights, bytes);
    flush_subnormals(packed, bytes / sizeof(float));
    return;
  }
  const int max_rows = zoo_gemm_f32_table(isa)->max_rows;
  for (int64_t group = 0; group < shape->groups; group++) {
    for (int64_t row = 0; row < rows; row += max_rows) {
      const int count = rows - row < max_rows ? (int)(rows - row) : max_rows;
      const int64_t at = (group * rows + row) * k;
      zoo_gemm_f32_pack_rows(k, count, count, weights + at, k, (float *)packed + at);
    }
  }
  flush_subnormals(packed, bytes / sizeof(float));
}

typedef struct {
  const zoo_gemm_f32_kernels *kernels;
  const zoo_conv_shape *shape;
  const float *input, *packed;
  zoo_tile_target target;
  int max_threads;
} job;

static void run_groups(void *context, int64_t begin, int64_t end) {
  const job *j = context;
  const zoo_conv_shape *shape = j->shape;
  const int64_t rows = rows_of(shape), k = depth_of(shape), n = conv_volume(shape->output);
  const int64_t group_input = shape->in_channels / shape->groups * conv_volume(shape->input);
  for (int64_t i = begin; i < end; i++) {
    const int64_t group = i % shape->groups;
    const source from = {shape, j->input + i * group_input, is_plain(shape)};
    zoo_gemm_f32_problem problem = {
        .kernels = j->kernels, .m = rows, .n = n, .k = k,
        .packed_a = j->packed + group * rows * k, .pack_b = pack_right, .b_source = &from,
        .target = j->target};
    problem.target.c += i * rows * n;
    if (problem.target.bias) problem.target.bias += group * rows;
    if (problem.target.residual) problem.target.residual += i * rows * n;
    zoo_gemm_f32_solve(&problem, j->max_threads);
  }
}

void zoo_conv_f32_run(
    zoo_isa isa, const zoo_conv_shape *shape, const float *input, const void *packed,
    float *output, const zoo_epilogue *epilogue, int max_threads) {
  const int64_t n = conv_volume(shape->output);
  if (shape->batch <= 0 || n <= 0 || shape->out_channels <= 0) return;
  if (zoo_conv_is_depthwise(shape)) {
    zoo_conv_depthwise_f32_run(isa, shape, input, packed, output, epilogue, max_threads);
    return;
  }
  job j = {
      .kernels = zoo_gemm_f32_table(isa), .shape = shape, .input = input, .packed = packed,
      .target = zoo_tile_target_of(output, n, 1, epilogue), .max_threads = max_threads};
  j.target.bias_per_row = 1;
  j.target.residual_ld = n;
  const int64_t products = shape->batch * shape->groups;
  if (products == 1) {
    run_groups(&j, 0, 1);
    return;
  }
  const int64_t steps = rows_of(shape) * depth_of(shape) * n;
  const int64_t grain = steps < 1 << 19 ? (1 << 19) / (steps + 1) : 1;
  zoo_parallel_for(products, grain < 1 ? 1 : grain, max_threads, run_groups, &j);
}
