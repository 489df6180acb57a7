// Matrix products: f32, 4-bit, and weights of a few bits in blocks.
#include "compare.h"

static zoo_epilogue epilogue(int form, int64_t m, int64_t n) {
  static const zoo_activation activations[] = {
      {ZOO_ACTIVATION_NONE, 0, 0}, {ZOO_ACTIVATION_RELU, 0, 0}, {ZOO_ACTIVATION_LEAKY_RELU, 0.1f, 0},
      {ZOO_ACTIVATION_CLIP, -1, 2}, {ZOO_ACTIVATION_SIGMOID, 0, 0}, {ZOO_ACTIVATION_TANH, 0, 0},
      {ZOO_ACTIVATION_GELU_ERF, 0, 0}, {ZOO_ACTIVATION_GELU_TANH, 0, 0}, {ZOO_ACTIVATION_SILU, 0, 0},
      {ZOO_ACTIVATION_HARD_SIGMOID, 0.2f, 0.5f}, {ZOO_ACTIVATION_HARD_SWISH, 0.2f, 0.5f}};
  zoo_epilogue e = {.activation = activations[form % 11]};
  if (form & 1) e.bias = numbers(m > n ? m : n, -1, 1), e.bias_per_row = form >> 1 & 1;
  if (form & 4) e.residual = numbers(m * n, -1, 1), e.residual_ld = n;
  return e;
}

static void compare_gemm(int form, int64_t m, int64_t n, int64_t k) {
  const int ta = form & 1, tb = form >> 1 & 1;
  const float *a = numbers(m * k, -1, 1), *b = numbers(k * n, -1, 1);
  const zoo_epilogue e = epilogue(form, m, n);
  float *c[2];
  compare("product [%lld, %lld] · [%lld, %lld], form %d", (long long)m, (long long)k, (long long)k, (long long)n, form);
  for (int i = 0; i < 2; i++) {
    const zoo_isa isa = i ? PORTABLE : NEON;
    void *packed = room((int64_t)zoo_gemm_f32_packed_bytes(isa, k, n));
    c[i] = room(m * n * 4);
    zoo_gemm_f32_pack(isa, k, n, b, tb ? k : n, tb, 0.5f, packed);
    zoo_gemm_f32_run(isa, m, n, k, a, ta ? m : k, ta, packed, c[i], n, &e, 1);
  }
  const float scale = 1 + (float)k / 8;
  close_to(c[0], c[1], m * n, 2e-6f, scale);
  const int64_t aos[] = {0, 0}, bos[] = {0, 0}, cos[] = {0, m * n};
  zoo_gemm_f32_batch shape = {
      .batch = 2, .m = m, .n = n, .k = k, .lda = ta ? m : k, .ldb = tb ? k : n, .ldc = n, .a_transposed = ta,
      .b_transposed = tb, .a_offsets = aos, .b_offsets = bos, .c_offsets = cos, .alpha = 1.5f};
  zoo_epilogue shared = e;
  if (e.residual) shared.residual = numbers(2 * m * n, -1, 1);
  for (int i = 0; i < 2; i++) {
    c[i] = room(2 * m * n * 4);
    zoo_gemm_f32_run_batch(i ? PORTABLE : NEON, &shape, a, b, c[i], &shared, 1);
  }
  compare("batch of products [%lld, %lld] · [%lld, %lld], form %d", (long long)m, (long long)k, (long long)k,
          (long long)n, form);
  close_to(c[0], c[1], 2 * m * n, 4e-6f, scale);
}

static void compare_q4(int form, int64_t m, int64_t n, int64_t k, int64_t block) {
  const int64_t blocks = (k + block - 1) / block;
  zoo_q4_weights w = {
      .k = k, .n = n, .block = block, .codes = bytes(k * n), .row = 1, .column = (k + 1) / 2 * 2,
      .is_signed = form & 1, .scales = numbers(blocks * n, 0.01f, 0.2f), .scale_row = 1, .scale_column = blocks,
      .zero_row = 1, .zero_column = blocks, .zero = form & 1 ? 0 : 8};
  if (form & 2) w.zeros = bytes(blocks * n), w.zero_column = (blocks + 1) / 2 * 2;
  if (form & 4) w.zeros = NULL, w.zero_column = blocks, w.real_zeros = numbers(blocks * n, 0, 8);
  const float *a = numbers(m * k, -1, 1);
  const zoo_epilogue e = epilogue(form & 3, m, n);
  float *c[2];
  for (int i = 0; i < 2; i++) {
    const zoo_isa isa = i ? PORTABLE : NEON;
    void *packed = room((int64_t)zoo_q4_packed_bytes(isa, k, n, block));
    c[i] = room(m * n * 4);
    zoo_q4_pack(isa, &w, packed);
    zoo_q4_gemm_run(isa, m, n, k, block, a, k, packed, c[i], n, &e, 1);
  }
  compare("4-bit product [%lld, %lld] · [%lld, %lld], blocks of %lld, form %d", (long long)m, (long long)k,
          (long long)k, (long long)n, (long long)block, form);
  close_to(c[0], c[1], m * n, 5e-6f, 1 + (float)k / 8);
}

static void compare_block_weights(int width, int64_t m, int64_t n, int64_t k, int64_t block) {
  const int64_t blocks = (k + block - 1) / block;
  zoo_block_weights b = {
      .codes = bytes(n * blocks * block), .scales = numbers(n * blocks, 0.01f, 0.2f), .bits = width, .n = n, .k = k,
      .block = block};
  const float *a = numbers(m * k, -1, 1), *bias = numbers(n, -1, 1);
  float *c[2], *rows[2];
  for (int i = 0; i < 2; i++) {
    const zoo_isa isa = i ? PORTABLE : NEON;
    c[i] = room(m * n * 4), rows[i] = room(n * k * 4);
    void *scratch = room((int64_t)zoo_block_product_bytes(isa, n, k, 1));
    zoo_block_product(isa, &b, m, a, bias, c[i], scratch, 1);
    zoo_block_rows(isa, &b, 0, n, rows[i]);
  }
  compare("%d-bit blocks of %lld, [%lld, %lld] · [%lld, %lld]", width, (long long)block, (long long)m, (long long)k,
          (long long)k, (long long)n);
  close_to(c[0], c[1], m * n, 5e-6f, 1 + (float)(k << width) / 64);
  close_to(rows[0], rows[1], n * k, 1e-6f, 0.1f);
}

void compare_products(void) {
  static const int64_t extents[] = {1, 2, 5, 6, 7, 13, 16, 17, 33};
  int form = 0;
  for (int i = 0; i < 9; i++) {
    for (int j = 0; j < 9; j++) {
      for (int l = 0; l < 9; l += 2) compare_gemm(form++ % 44, extents[i], extents[j], extents[l]);
    }
  }
  for (int i = 0; i < 22; i++) compare_gemm(i, 37, 70, 300);
  compare_gemm(0, 3, 5, 0);
  for (int i = 0; i < 8; i++) {
    for (int j = 0; j < 9; j += 2) {
      compare_q4(i, extents[j], 33, 64, 32);
      compare_q4(i, extents[j], 8, 150, 16);
    }
  }
  for (int width = 2; width <= 8; width *= 2) {
    for (int j = 0; j < 9; j += 2) {
      compare_block_weights(width, extents[j], 19, 64, 32);
      compare_block_weights(width, extents[j], 5, 100, 16);
    }
  }
}
