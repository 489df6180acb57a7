// Convolutions over planes.
#include "compare.h"

static zoo_conv_shape shape_of(
    int64_t batch, int64_t groups, int64_t in, int64_t out, const int64_t size[2], const int64_t kernel[2],
    int64_t stride, int64_t dilation, int64_t pad) {
  zoo_conv_shape s = {
      .batch = batch, .groups = groups, .in_channels = in, .out_channels = out, .input = {1, size[0], size[1]},
      .kernel = {1, kernel[0], kernel[1]}, .stride = {1, stride, stride}, .dilation = {1, dilation, dilation},
      .output = {1, 1, 1}};
  for (int i = 1; i < 3; i++) {
    s.pad[i] = pad;
    s.output[i] = (s.input[i] + 2 * pad - (s.kernel[i] - 1) * dilation - 1) / stride + 1;
  }
  return s;
}

static int64_t volume(const int64_t extents[3]) { return extents[0] * extents[1] * extents[2]; }

static void compare_planes(const zoo_conv_shape *s, int form) {
  const int64_t results = s->batch * s->out_channels * volume(s->output);
  const int64_t depth = s->in_channels / s->groups * volume(s->kernel);
  const float *x = numbers(s->batch * s->in_channels * volume(s->input), -1, 1);
  const float *w = numbers(s->out_channels * depth, -1, 1);
  zoo_epilogue e = {.bias = form & 1 ? numbers(s->out_channels, -1, 1) : NULL};
  if (form & 2) e.activation.kind = ZOO_ACTIVATION_RELU;
  if (form & 4) e.residual = numbers(results, -1, 1);
  float *y[2];
  for (int i = 0; i < 2; i++) {
    const zoo_isa isa = i ? PORTABLE : NEON;
    void *packed = room((int64_t)zoo_conv_f32_packed_bytes(isa, s));
    y[i] = room(results * 4);
    zoo_conv_f32_pack(isa, s, w, packed);
    zoo_conv_f32_run(isa, s, x, packed, y[i], &e, 1);
  }
  compare("convolution %lld → %lld channels, %lld groups, %lld × %lld of %lld × %lld, form %d",
          (long long)s->in_channels, (long long)s->out_channels, (long long)s->groups, (long long)s->kernel[1],
          (long long)s->kernel[2], (long long)s->input[1], (long long)s->input[2], form);
  close_to(y[0], y[1], results, 4e-6f, 1 + (float)depth / 8);
  e.residual = NULL;
  if (s->groups > 1) return;
  for (int i = 0; i < 2; i++) {
    const zoo_isa isa = i ? PORTABLE : NEON;
    void *packed = room((int64_t)zoo_gemm_f32_packed_bytes(isa, depth, s->out_channels));
    zoo_gemm_f32_pack(isa, depth, s->out_channels, w, depth, 1, 1, packed);
    y[i] = room(results * 4);
    zoo_conv_narrow_f32_run(
        isa, s, x, packed, y[i], room((int64_t)zoo_conv_narrow_f32_scratch_bytes(s)), &e, 1);
  }
  compare("narrow convolution of %lld × %lld", (long long)s->input[1], (long long)s->input[2]);
  close_to(y[0], y[1], results, 4e-6f, 1 + (float)depth / 8);
}

static void compare_transposed(int64_t in, int64_t out, int64_t groups, int64_t size, int64_t kernel, int64_t stride) {
  zoo_conv_shape s = {
      .batch = 2, .groups = groups, .in_channels = in, .out_channels = out, .input = {1, size, size + 3},
      .kernel = {1, kernel, kernel}, .stride = {1, stride, stride}, .dilation = {1, 1, 1}, .pad = {0, 1, 0},
      .output = {1, (size - 1) * stride + kernel - 2, (size + 2) * stride + kernel}};
  const int64_t results = 2 * out * volume(s.output);
  const float *x = numbers(2 * in * volume(s.input), -1, 1), *bias = numbers(out, -1, 1);
  const float *w = numbers(in * out / groups * volume(s.kernel), -1, 1);
  float *y[2];
  for (int i = 0; i < 2; i++) {
    y[i] = room(results * 4);
    void *scratch = room((int64_t)zoo_conv_transpose_f32_scratch_bytes(&s));
    zoo_conv_transpose_f32_run(i ? PORTABLE : NEON, &s, x, w, bias, y[i], scratch, 1);
  }
  compare("transposed convolution %lld → %lld, kernel %lld, stride %lld", (long long)in, (long long)out,
          (long long)kernel, (long long)stride);
  close_to(y[0], y[1], results, 4e-6f, 4);
}

void compare_convolutions(void) {
  static const int64_t sizes[][2] = {{1, 5}, {7, 9}, {12, 33}}, kernels[][2] = {{1, 1}, {3, 3}, {2, 5}};
  static const int64_t channels[][3] = {{1, 3, 5}, {1, 16, 17}, {3, 9, 6}, {8, 8, 8}, {6, 6, 12}};
  int form = 0;
  for (int c = 0; c < 5; c++) {
    for (int i = 0; i < 3; i++) {
      for (int k = 0; k < 3; k++) {
        for (int64_t stride = 1; stride < 3; stride++) {
          const int64_t pad = kernels[k][0] == 1 ? 0 : 2;
          const zoo_conv_shape s = shape_of(
              2, channels[c][0], channels[c][1], channels[c][2], sizes[i], kernels[k], stride, 1 + form % 2 * (pad > 0), pad);
          if (s.output[1] > 0 && s.output[2] > 0) compare_planes(&s, form++ % 8);
        }
      }
    }
  }
  compare_transposed(5, 7, 1, 6, 3, 2);
  compare_transposed(16, 4, 1, 9, 2, 2);
  compare_transposed(6, 6, 3, 5, 4, 3);
}
