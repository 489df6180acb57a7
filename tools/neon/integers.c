// 8-bit kernels, and the byte kernels of the container: the same to the bit.
#include "compare.h"

typedef struct {
  zoo_qside a, b;
  zoo_qtarget target;
} case_of;

/// Scales, zero points and targets in many combinations.
static case_of make_case(int form, int64_t m, int64_t n) {
  case_of c = {0};
  const int per_row = form >> 2 & 1, per_column = form >> 3 & 1;
  c.a = (zoo_qside){
      .is_signed = form & 1, .zero = form & 4 ? bytes(m) : form & 1 ? "\xfd" : "\x71", .zero_per_line = per_row,
      .scale = numbers(m, 0.01f, 0.02f), .scale_per_line = per_row};
  c.b = (zoo_qside){
      .is_signed = form >> 1 & 1, .zero = form & 8 ? bytes(n) : NULL, .zero_per_line = per_column,
      .scale = numbers(n, 0.01f, 0.02f), .scale_per_line = per_column};
  c.target.kind = form % 4;
  c.target.scale = 0.37f;
  c.target.zero = c.target.kind == ZOO_QOUT_U8 ? 117 : -4;
  if (form & 16) {
    int32_t *bias = room(n * 4);
    for (int64_t i = 0; i < n; i++) bias[i] = (int32_t)(bits() % 2001) - 1000;
    c.target.bias = bias;
  }
  if (c.target.kind == ZOO_QOUT_F32 && form & 32) {
    c.target.epilogue.activation.kind = ZOO_ACTIVATION_RELU;
    c.target.epilogue.bias = numbers(n, -1, 1);
  }
  if (c.target.kind > ZOO_QOUT_F32 && form & 32) {
    c.target.through_real = 1;
    c.target.epilogue.activation.kind = form & 64 ? ZOO_ACTIVATION_RELU : ZOO_ACTIVATION_NONE;
    c.target.epilogue.residual_ld = n;
    if (form & 64) c.target.inner = (zoo_qcodes){.scale = 0.5f, .zero = 3, .low = -128, .high = 127};
    if (form & 128) {
      c.target.residual = bytes(m * n), c.target.residual_is_signed = form & 1;
      c.target.residual_scale = 0.1f, c.target.residual_zero = 2;
    }
  }
  return c;
}

static int64_t size_of(zoo_qout kind) { return kind <= ZOO_QOUT_F32 ? 4 : 1; }

static void compare_gemm(int form, int64_t m, int64_t n, int64_t k) {
  const case_of c = make_case(form, m, n);
  const void *a = bytes(m * k), *b = bytes(k * n);
  void *y[2];
  for (int i = 0; i < 2; i++) {
    const zoo_isa isa = i ? PORTABLE : NEON;
    void *packed = room((int64_t)zoo_qgemm_packed_bytes(isa, k, n));
    y[i] = room(m * n * 4);
    zoo_qgemm_pack(isa, k, n, b, form & 2 ? k : n, form >> 1 & 1, c.b.is_signed, packed);
    zoo_qgemm_run(isa, m, n, k, a, k, c.a, packed, c.b, y[i], n, &c.target, 1);
  }
  compare("8-bit product [%lld, %lld] · [%lld, %lld], form %d", (long long)m, (long long)k, (long long)k, (long long)n, form);
  same_bytes(y[0], y[1], m * n * size_of(c.target.kind));
}

static void compare_conv(int form, const zoo_conv_shape *s) {
  const int64_t pixels = s->batch * s->output[1] * s->output[2], n = s->out_channels;
  const int64_t weights = n * (s->in_channels / s->groups) * s->kernel[1] * s->kernel[2];
  case_of c = make_case(form & ~4, pixels, n);
  c.a.zero_per_line = c.a.scale_per_line = 0;
  const void *x = bytes(s->batch * s->input[1] * s->input[2] * s->in_channels), *w = bytes(weights);
  void *y[2];
  for (int i = 0; i < 2; i++) {
    const zoo_isa isa = i ? PORTABLE : NEON;
    void *packed = room((int64_t)zoo_qconv_packed_bytes(isa, s));
    void *scratch = room((int64_t)zoo_qconv_scratch_bytes(s, c.a.is_signed));
    y[i] = room(pixels * n * 4);
    zoo_qconv_pack(isa, s, w, c.b.is_signed, packed);
    zoo_qconv_run(isa, s, x, c.a, packed, c.b, y[i], &c.target, scratch, 1);
  }
  compare("8-bit convolution %lld → %lld, %lld groups, %lld × %lld of %lld × %lld, form %d", (long long)s->in_channels,
          (long long)n, (long long)s->groups, (long long)s->kernel[1], (long long)s->kernel[2], (long long)s->input[1],
          (long long)s->input[2], form);
  same_bytes(y[0], y[1], pixels * n * size_of(c.target.kind));
}

static void compare_pools(const zoo_conv_shape *s, int form) {
  const int64_t count = s->batch * s->output[1] * s->output[2] * s->in_channels;
  const void *x = bytes(s->batch * s->input[1] * s->input[2] * s->in_channels);
  void *y[2] = {room(count * 4), room(count * 4)};
  compare("8-bit pool of %lld channels, form %d", (long long)s->in_channels, form);
  zoo_qpool_max(NEON, s, form & 1, x, y[0], 1), zoo_qpool_max(PORTABLE, s, form & 1, x, y[1], 1);
  same_bytes(y[0], y[1], count);
  const zoo_qform from = {form & 1, 0.1f, 3}, to = {form >> 1 & 1, 0.13f, 5};
  zoo_qpool_average(NEON, s, from, form & 4 ? NULL : &to, form & 2, x, y[0], 1);
  zoo_qpool_average(PORTABLE, s, from, form & 4 ? NULL : &to, form & 2, x, y[1], 1);
  same_bytes(y[0], y[1], count * (form & 4 ? 4 : 1));
}

static void compare_shapes(void) {
  static const int64_t channels[][3] = {{1, 3, 5}, {1, 16, 33}, {2, 8, 12}, {19, 19, 19}, {32, 32, 32}};
  static const int64_t kernels[] = {1, 3, 5};
  int form = 0;
  for (int c = 0; c < 5; c++) {
    for (int k = 0; k < 3; k++) {
      for (int64_t stride = 1; stride < 3; stride++) {
        for (int repeat = 0; repeat < 12; repeat++) {
          const int64_t pad = kernels[k] / 2;
          zoo_conv_shape s = {
              .batch = 2, .groups = channels[c][0], .in_channels = channels[c][1], .out_channels = channels[c][2],
              .input = {1, 6, 11}, .kernel = {1, kernels[k], kernels[k]}, .stride = {1, stride, stride},
              .dilation = {1, 1, 1}, .pad = {0, pad, pad},
              .output = {1, (6 + 2 * pad - kernels[k]) / stride + 1, (11 + 2 * pad - kernels[k]) / stride + 1}};
          compare_conv(form, &s);
          if (channels[c][1] == channels[c][2]) compare_pools(&s, form);
          form = (form + 37) % 256;
        }
      }
    }
  }
}

static void compare_joins(void) {
  for (int form = 0; form < 24; form++) {
    const int64_t count = 5 + form * 7;
    zoo_qjoin join = {
        .kind = form % 3, .a = {form & 1, 0.1f, 3}, .b = {form >> 1 & 1, 0.07f, -2}, .c = {form >> 2 & 1, 0.15f, 10}};
    if (form & 8) join.activation.kind = ZOO_ACTIVATION_RELU;
    join.lines = (zoo_qjoin_lines){.outer = 1, .repeats = 1, .inner = count};
    const void *a = bytes(count), *b = bytes(count);
    void *got = room(count), *want = room(count);
    compare("8-bit join %d of %lld", form, (long long)count);
    zoo_qjoin_run(NEON, &join, a, b, got, 1), zoo_qjoin_run(PORTABLE, &join, a, b, want, 1);
    same_bytes(got, want, count);
  }
}

static void compare_dynamic(void) {
  for (int64_t columns = 1; columns < 90; columns += 8) {
    const float *x = numbers(3 * columns, -4, 7);
    uint8_t *y[2] = {room(3 * columns), room(3 * columns)}, *zeros[2] = {room(3), room(3)};
    float *scales[2] = {room(12), room(12)};
    compare("dynamic rows of %lld", (long long)columns);
    for (int i = 0; i < 2; i++) {
      zoo_quantize_dynamic(i ? PORTABLE : NEON, 3, columns, x, y[i], scales[i], zeros[i], 1);
    }
    same_bytes(y[0], y[1], 3 * columns), same_bytes(zeros[0], zeros[1], 3), same_bytes(scales[0], scales[1], 12);
  }
}

static void compare_container(void) {
  for (int64_t count = 0; count < 5000; count += 331) {
    const uint8_t *x = bytes(count * 8);
    compare("checksum of %lld bytes", (long long)count);
    const uint32_t sums[] = {zoo_crc32c(7, x, count), zoo_crc32c_portable(7, x, count)};
    same_bytes(&sums[0], &sums[1], 4);
    for (int width = 1; width <= 8; width *= 2) {
      for (int rotate = 0; rotate < 2; rotate++) {
        uint8_t *got = room(count * 8), *want = room(count * 8), *back = room(count * 8);
        compare("planes of %lld words of %d", (long long)count, width);
        zoo_planes_split(x, count, width, rotate, got), zoo_planes_split_portable(x, count, width, rotate, want);
        same_bytes(got, want, count * width);
        const uint8_t *planes[8];
        for (int i = 0; i < width; i++) planes[i] = got + i * count;
        zoo_planes_merge(planes, count, width, rotate, back);
        same_bytes(back, x, count * width);
      }
    }
  }
}

void compare_integers(void) {
  static const int64_t extents[] = {1, 2, 5, 6, 7, 13, 16, 17, 33};
  int form = 0;
  for (int i = 0; i < 9; i++) {
    for (int j = 0; j < 9; j++) {
      for (int l = 0; l < 9; l++) compare_gemm(form = (form + 91) % 256, extents[i], extents[j], extents[l]);
    }
  }
  for (int i = 0; i < 256; i++) compare_gemm(i, 19, 37, 71);
  compare_shapes();
  compare_joins();
  compare_dynamic();
  compare_container();
}
