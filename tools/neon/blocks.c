// Kernels over images in channel blocks.
#include "compare.h"

static int64_t blocks_of(int64_t channels) { return (channels + ZOO_CHANNEL_BLOCK - 1) / ZOO_CHANNEL_BLOCK; }

static int64_t block_floats(const zoo_conv_shape *s, int64_t channels, const int64_t extents[3]) {
  return s->batch * blocks_of(channels) * extents[1] * extents[2] * ZOO_CHANNEL_BLOCK;
}

/// Compares the lanes that are channels.
static void close_blocks(
    const float *got, const float *want, int64_t images, int64_t channels, int64_t pixels, float tolerance, float scale) {
  float *planes[2] = {room(images * channels * pixels * 4), room(images * channels * pixels * 4)};
  zoo_planes_from_blocks(PORTABLE, images, channels, pixels, got, planes[0], 1);
  zoo_planes_from_blocks(PORTABLE, images, channels, pixels, want, planes[1], 1);
  close_to(planes[0], planes[1], images * channels * pixels, tolerance, scale);
}

static void compare_conv(zoo_blocked_form form, const zoo_conv_shape *s, int extras) {
  if (!zoo_blocked_conv_takes(s, form)) return;
  const int64_t depth = s->in_channels / s->groups * s->kernel[1] * s->kernel[2];
  const int64_t inputs = form == ZOO_BLOCKED_PLANES ? s->batch * s->in_channels * s->input[1] * s->input[2]
                                                    : block_floats(s, s->in_channels, s->input);
  const int64_t outputs = block_floats(s, s->out_channels, s->output);
  const int64_t lanes = blocks_of(s->out_channels) * ZOO_CHANNEL_BLOCK;
  const float *x = numbers(inputs, -1, 1), *w = numbers(s->out_channels * depth, -1, 1);
  const float *bias = numbers(lanes, -1, 1), *gain = numbers(lanes, 0.5f, 1.5f);
  zoo_blocked_epilogue e = {.activation = {extras % 11, 0.2f, 0.5f}};
  if (extras & 1) e.residual = numbers(outputs, -1, 1);
  if (extras & 2) e.scale = numbers(lanes, 0.5f, 1.5f), e.shift = numbers(lanes, -1, 1);
  float *y[2];
  for (int i = 0; i < 2; i++) {
    const zoo_isa isa = i ? PORTABLE : NEON;
    void *packed = room((int64_t)zoo_blocked_conv_packed_bytes(isa, s, form));
    y[i] = room(outputs * 4);
    zoo_blocked_conv_pack(isa, s, form, w, extras & 4 ? gain : NULL, extras & 8 ? bias : NULL, packed);
    zoo_blocked_conv_run(isa, s, form, x, packed, y[i], &e, 1);
  }
  compare("blocked form %d, %lld → %lld channels, %lld groups, %lld × %lld of %lld × %lld, stride %lld, extras %d", form,
          (long long)s->in_channels, (long long)s->out_channels, (long long)s->groups, (long long)s->kernel[1],
          (long long)s->kernel[2], (long long)s->input[1], (long long)s->input[2], (long long)s->stride[1], extras);
  const float tolerance = form == ZOO_BLOCKED_WINOGRAD ? 1e-5f : 4e-6f;
  close_blocks(y[0], y[1], s->batch, s->out_channels, s->output[1] * s->output[2], tolerance, 2 + (float)depth / 4);
}

static void compare_convs(void) {
  static const int64_t channels[][3] = {{1, 3, 18}, {1, 16, 16}, {1, 33, 47}, {2, 34, 68}, {4, 12, 20}, {37, 37, 37}, {19, 19, 19}};
  static const int64_t kernels[][2] = {{1, 1}, {3, 3}, {5, 5}, {2, 3}, {1, 7}}, sizes[][2] = {{4, 5}, {13, 18}, {7, 31}};
  int extras = 0;
  for (int c = 0; c < 7; c++) {
    for (int k = 0; k < 5; k++) {
      for (int i = 0; i < 3; i++) {
        for (int64_t stride = 1; stride < 3; stride++) {
          const int64_t pad = kernels[k][1] / 2, dilation = 1 + (extras % 5 == 4);
          zoo_conv_shape s = {
              .batch = 2, .groups = channels[c][0], .in_channels = channels[c][1], .out_channels = channels[c][2],
              .input = {1, sizes[i][0], sizes[i][1]}, .kernel = {1, kernels[k][0], kernels[k][1]},
              .stride = {1, stride, stride}, .dilation = {1, dilation, dilation}, .pad = {0, pad, pad}, .output = {1}};
          for (int axis = 1; axis < 3; axis++) {
            s.output[axis] = (s.input[axis] + 2 * pad - (s.kernel[axis] - 1) * dilation - 1) / stride + 1;
          }
          extras++;
          if (s.output[1] < 1 || s.output[2] < 1) continue;
          for (int form = ZOO_BLOCKED_DIRECT; form <= ZOO_BLOCKED_WINOGRAD; form++) compare_conv(form, &s, extras % 16);
        }
      }
    }
  }
}

static void compare_spread(int64_t in, int64_t out, int64_t kernel, int to_planes) {
  zoo_conv_shape s = {
      .batch = 2, .groups = 1, .in_channels = in, .out_channels = out, .input = {1, 5, 9}, .kernel = {1, kernel, kernel},
      .stride = {1, kernel, kernel}, .dilation = {1, 1, 1}, .output = {1, 5 * kernel, 9 * kernel}};
  if (!zoo_blocked_spread_takes(&s, to_planes)) return;
  const int64_t outputs = block_floats(&s, out, s.output);
  const float *x = numbers(block_floats(&s, in, s.input), -1, 1), *bias = numbers(out, -1, 1);
  const float *w = numbers(in * out * kernel * kernel, -1, 1);
  float *y[2];
  for (int i = 0; i < 2; i++) {
    const zoo_isa isa = i ? PORTABLE : NEON;
    void *packed = room((int64_t)zoo_blocked_spread_packed_bytes(isa, &s, to_planes));
    y[i] = room(outputs * 4);
    zoo_blocked_spread_pack(isa, &s, to_planes, w, bias, packed);
    zoo_blocked_spread_run(isa, &s, to_planes, x, packed, (zoo_activation){ZOO_ACTIVATION_RELU, 0, 0}, y[i], 1);
  }
  compare("spread %lld → %lld, kernel %lld, to planes: %d", (long long)in, (long long)out, (long long)kernel, to_planes);
  if (to_planes) {
    close_to(y[0], y[1], 2 * out * s.output[1] * s.output[2], 4e-6f, 2 + (float)in / 8);
  } else {
    close_blocks(y[0], y[1], 2, out, s.output[1] * s.output[2], 4e-6f, 2 + (float)in / 8);
  }
}

static void compare_pool(int64_t kernel, int64_t stride, int64_t pad, int64_t width, int is_max, int counts) {
  zoo_blocked_pool p = {
      .shape = {.batch = 2, .groups = 1, .in_channels = 20, .out_channels = 20, .input = {1, 8, width},
                .kernel = {1, kernel, kernel}, .stride = {1, stride, stride}, .dilation = {1, 1, 1}, .pad = {0, pad, pad},
                .output = {1, (8 + 2 * pad - kernel) / stride + 1, (width + 2 * pad - kernel) / stride + 1}},
      .is_max = is_max, .counts_padding = counts, .pad_end = {0, pad, pad}};
  const int64_t outputs = block_floats(&p.shape, 20, p.shape.output);
  const float *x = numbers(block_floats(&p.shape, 20, p.shape.input), -1, 1);
  float *y[2] = {room(outputs * 4), room(outputs * 4)}, *divisors = room(p.shape.output[2] * 4);
  zoo_blocked_pool_run(NEON, &p, x, y[0], divisors, 1);
  zoo_blocked_pool_run(PORTABLE, &p, x, y[1], divisors, 1);
  compare("blocked pool %lld, stride %lld, width %lld, form %d", (long long)kernel, (long long)stride, (long long)width,
          is_max + 2 * counts);
  close_to(y[0], y[1], outputs, is_max ? 0 : 2e-6f, 1);
}

static void compare_rest(int64_t pixels) {
  const int64_t blocks = 4, count = blocks * pixels * ZOO_CHANNEL_BLOCK;
  const float *x = numbers(count, -1, 1), *scale = numbers(32, 0.5f, 2), *shift = numbers(32, -1, 1);
  float *got = room(count * 4), *want = room(count * 4);
  for (int kind = 0; kind <= ZOO_ACTIVATION_HARD_SWISH; kind++) {
    const zoo_activation activation = {kind, 0.2f, 0.5f};
    compare("affine of %lld pixels, activation %d", (long long)pixels, kind);
    zoo_blocked_affine_run(NEON, blocks, pixels, 2, x, kind & 1 ? NULL : scale, kind & 2 ? NULL : shift, activation, got, 1);
    zoo_blocked_affine_run(
        PORTABLE, blocks, pixels, 2, x, kind & 1 ? NULL : scale, kind & 2 ? NULL : shift, activation, want, 1);
    close_to(got, want, count, 4e-6f, 1);
  }
  for (int is_max = 0; is_max < 2; is_max++) {
    compare("pool of all %lld pixels, max: %d", (long long)pixels, is_max);
    zoo_blocked_pool_all(NEON, blocks, pixels, is_max, x, got, 1);
    zoo_blocked_pool_all(PORTABLE, blocks, pixels, is_max, x, want, 1);
    close_to(got, want, blocks * ZOO_CHANNEL_BLOCK, 2e-6f, 1);
  }
  for (int64_t channels = 1; channels < 36; channels += 7) {
    const float *planes = numbers(2 * channels * pixels, -1, 1);
    const int64_t size = 2 * blocks_of(channels) * pixels * ZOO_CHANNEL_BLOCK;
    float *a = room(size * 4), *b = room(size * 4);
    compare("%lld planes of %lld", (long long)channels, (long long)pixels);
    zoo_blocks_from_planes(NEON, 2, channels, pixels, planes, a, 1);
    zoo_blocks_from_planes(PORTABLE, 2, channels, pixels, planes, b, 1);
    same_bytes(a, b, size * 4);
    float *back = room(2 * channels * pixels * 4);
    zoo_planes_from_blocks(NEON, 2, channels, pixels, a, back, 1);
    same_bytes(back, planes, 2 * channels * pixels * 4);
  }
}

static void compare_resize(int64_t height, int64_t width, int64_t out_height, int64_t out_width, int64_t taps) {
  int32_t *rows = room(out_height * taps * 4), *columns = room(out_width * taps * 4);
  for (int64_t i = 0; i < out_height * taps; i++) rows[i] = (int32_t)(bits() % (uint64_t)height);
  for (int64_t i = 0; i < out_width * taps; i++) columns[i] = (int32_t)(bits() % (uint64_t)width);
  zoo_blocked_resize r = {
      .height = height, .width = width, .out_height = out_height, .out_width = out_width, .row_taps = taps,
      .column_taps = taps, .rows = rows, .columns = columns, .row_weights = numbers(out_height * taps, -1, 1),
      .column_weights = numbers(out_width * taps, -1, 1)};
  const int64_t count = 3 * out_height * out_width * ZOO_CHANNEL_BLOCK;
  const float *x = numbers(3 * height * width * ZOO_CHANNEL_BLOCK, -1, 1);
  float *got = room(count * 4), *want = room(count * 4);
  zoo_blocked_resize_run(NEON, 3, &r, x, got, 1);
  zoo_blocked_resize_run(PORTABLE, 3, &r, x, want, 1);
  compare("resize to %lld × %lld with %lld taps", (long long)out_height, (long long)out_width, (long long)taps);
  close_to(got, want, count, 4e-6f, (float)(taps * taps));
}

void compare_blocks(void) {
  compare_convs();
  for (int64_t in = 5; in < 40; in += 17) {
    for (int64_t out = 1; out < 40; out += 12) {
      for (int to_planes = 0; to_planes < 2; to_planes++) compare_spread(in, out, 2 + in % 2, to_planes);
    }
  }
  for (int64_t width = 6; width < 40; width += 11) {
    for (int form = 0; form < 3; form++) {
      compare_pool(3, 2, 1, width, form == 0, form == 2);
      compare_pool(2, 2, 0, width, form == 0, form == 2);
      compare_pool(3, 1, 1, width, form == 0, form == 2);
    }
  }
  for (int64_t pixels = 1; pixels < 40; pixels += 6) compare_rest(pixels);
  for (int64_t taps = 1; taps < 5; taps++) compare_resize(5, 7, 9, 14, taps);
}
