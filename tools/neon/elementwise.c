// Kernels that take one element after the other.
#include "compare.h"

static const int64_t counts[] = {0, 1, 3, 4, 5, 15, 16, 17, 67};
enum { COUNTS = sizeof counts / sizeof *counts, MOST = 67 };

static const float specials[] = {0.0f, -0.0f, INFINITY, -INFINITY, NAN,   1e-30f, -1e-30f, 88.5f,
                                 -88.5f, 104.0f, -104.0f,   1e10f, -1e10f, 0.5f,   1.5f,    2.5f};
enum { SPECIALS = sizeof specials / sizeof *specials };

static float *with_specials(float low, float high) {
  float *x = numbers(MOST, low, high);
  for (int i = 0; i < SPECIALS; i++) x[i * 4 % MOST] = specials[i];
  return x;
}

static void compare_unary(void) {
  float *got = room(MOST * 4), *want = room(MOST * 4);
  for (int op = 0; op < zoo_unary_count; op++) {
    const int is_periodic = op == zoo_unary_sin || op == zoo_unary_cos || op == zoo_unary_tan;
    for (int i = 0; i < COUNTS; i++) {
      const float *x = i % 2 || is_periodic ? numbers(MOST, -8, 8) : with_specials(-8, 8);
      compare("unary %s of %lld", zoo_unary_name(op), (long long)counts[i]);
      zoo_unary_f32_kernel(NEON, op)(x, got, counts[i], -0.4f, 0.9f);
      zoo_unary_f32_kernel(PORTABLE, op)(x, want, counts[i], -0.4f, 0.9f);
      close_to(got, want, counts[i], 2e-6f, 1e-6f);
    }
  }
}

static void compare_binary(void) {
  float *got = room(MOST * 4), *want = room(MOST * 4);
  for (int op = 0; op < zoo_binary_count; op++) {
    for (int strides = 0; strides < 3; strides++) {
      const float *a = with_specials(-3, 3), *b = numbers(MOST, -3, 3);
      const ptrdiff_t sa = strides != 1, sb = strides != 2;
      for (int i = 0; i < COUNTS; i++) {
        compare("binary %s, strides %td and %td, of %lld", zoo_binary_name(op), sa, sb, (long long)counts[i]);
        zoo_binary_kernel_for(NEON, op, zoo_f32)(a, sa, b, sb, got, counts[i]);
        zoo_binary_kernel_for(PORTABLE, op, zoo_f32)(a, sa, b, sb, want, counts[i]);
        if (op >= zoo_binary_equal) {
          same_bytes(got, want, counts[i]);
        } else {
          close_to(got, want, counts[i], op == zoo_binary_pow ? 4e-6f : 0, 0);
        }
      }
    }
  }
  for (int i = 0; i < COUNTS; i++) {
    const float *x = numbers(MOST, -3, 3), *m = numbers(MOST, -3, 3), *s = numbers(MOST, -3, 3);
    compare("add_relu of %lld", (long long)counts[i]);
    zoo_add_relu_f32(NEON, x, s, got, counts[i]);
    zoo_add_relu_f32(PORTABLE, x, s, want, counts[i]);
    close_to(got, want, counts[i], 0, 0);
    compare("mul_add of %lld", (long long)counts[i]);
    zoo_mul_add_f32(NEON, x, m, s, got, counts[i]);
    zoo_mul_add_f32(PORTABLE, x, m, s, want, counts[i]);
    close_to(got, want, counts[i], 1e-6f, 12);
  }
}

static void compare_conversions(void) {
  const zoo_vector_kernels *a = zoo_vector_kernels_for(NEON), *b = zoo_vector_kernels_for(PORTABLE);
  enum { ALL = 1 << 16 };
  uint16_t *halves = room(ALL * 2), *got16 = room(ALL * 2), *want16 = room(ALL * 2);
  float *got = room(ALL * 4), *want = room(ALL * 4), *x = bytes(ALL * 4);
  for (int i = 0; i < ALL; i++) halves[i] = (uint16_t)i;
  compare("f16 to f32");
  a->f16_to_f32(halves, got, ALL - 3);
  b->f16_to_f32(halves, want, ALL - 3);
  close_to(got, want, ALL - 3, 0, 0);
  compare("bf16 to f32");
  a->bf16_to_f32(halves, got, ALL - 3);
  b->bf16_to_f32(halves, want, ALL - 3);
  close_to(got, want, ALL - 3, 0, 0);
  for (int part = 0; part < 2; part++) {
    // All bit patterns, then numbers that a half can hold.
    if (part) x = numbers(ALL, -70000, 70000);
    for (int i = 0; i < ALL; i++) if (isnan(x[i])) x[i] = NAN;
    compare("f32 to f16, %d", part);
    a->f32_to_f16(x, got16, ALL - 1);
    b->f32_to_f16(x, want16, ALL - 1);
    same_bytes(got16, want16, 2 * (ALL - 1));
    compare("f32 to bf16, %d", part);
    a->f32_to_bf16(x, got16, ALL - 1);
    b->f32_to_bf16(x, want16, ALL - 1);
    same_bytes(got16, want16, 2 * (ALL - 1));
  }
}

static void compare_quantization(void) {
  const zoo_vector_kernels *a = zoo_vector_kernels_for(NEON), *b = zoo_vector_kernels_for(PORTABLE);
  uint8_t *got = room(MOST * 4), *want = room(MOST * 4);
  for (int i = 0; i < COUNTS; i++) {
    const size_t n = (size_t)counts[i];
    const float *x = i % 2 ? with_specials(-9, 9) : numbers(MOST, -40, 40), scale = 0.125f;
    compare("quantize %zu", n);
    a->quantize_u8(x, got, n, scale, 100), b->quantize_u8(x, want, n, scale, 100);
    same_bytes(got, want, (int64_t)n);
    a->quantize_s8(x, (int8_t *)got, n, scale, -3), b->quantize_s8(x, (int8_t *)want, n, scale, -3);
    same_bytes(got, want, (int64_t)n);
    const void *q = bytes(MOST * 4);
    float *fa = (float *)got, *fb = (float *)want;
    compare("dequantize %zu", n);
    a->dequantize_u8(q, fa, n, scale, 7), b->dequantize_u8(q, fb, n, scale, 7);
    close_to(fa, fb, (int64_t)n, 0, 0);
    a->dequantize_s8(q, fa, n, scale, -7), b->dequantize_s8(q, fb, n, scale, -7);
    close_to(fa, fb, (int64_t)n, 0, 0);
    a->dequantize_s32(q, fa, n, scale, 0), b->dequantize_s32(q, fb, n, scale, 0);
    close_to(fa, fb, (int64_t)n, 0, 0);
    compare("range of %zu", n);
    float ga[2], gb[2];
    a->range(x, n, &ga[0], &ga[1]), b->range(x, n, &gb[0], &gb[1]);
    close_to(ga, gb, 2, 0, 0);
  }
}

static void compare_qlinear(void) {
  const zoo_vector_kernels *a = zoo_vector_kernels_for(NEON), *b = zoo_vector_kernels_for(PORTABLE);
  uint8_t *got = room(MOST), *want = room(MOST);
  for (int i = 0; i < COUNTS * 3; i++) {
    const int64_t n = counts[i % COUNTS];
    zoo_qlinear_binary p = {
        .a = bytes(MOST), .b = bytes(MOST), .count = (size_t)n, .a_stride = i / COUNTS != 1,
        .b_stride = i / COUNTS != 2, .a_scale = 0.02f, .b_scale = 0.03f, .y_scale = 0.041f,
        .a_zero = 3, .b_zero = -5, .y_zero = 9};
    zoo_qlinear_binary q = p;
    p.y = got, q.y = want;
    compare("qlinear of %lld", (long long)n);
    a->qlinear_add_u8(&p), b->qlinear_add_u8(&q), same_bytes(got, want, n);
    a->qlinear_add_s8(&p), b->qlinear_add_s8(&q), same_bytes(got, want, n);
    a->qlinear_mul_u8(&p), b->qlinear_mul_u8(&q), same_bytes(got, want, n);
    a->qlinear_mul_s8(&p), b->qlinear_mul_s8(&q), same_bytes(got, want, n);
  }
}

void compare_elementwise(void) {
  compare_unary();
  compare_binary();
  compare_conversions();
  compare_quantization();
  compare_qlinear();
}
