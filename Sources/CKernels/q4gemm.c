// f32 products with weights of 4 bits: with one row they are unpacked in registers, with several panel by panel into
// the cache, where the f32 kernels read them.
#include "q4gemm.h"

#include <string.h>

#include "extents.h"
#include "gemm_f32.h"
#include "zoo_q4gemm.h"
#include "zoo_threads.h"

#define ISA portable
#define VL 4
#define FMA(a, b, c) ((a) * (b) + (c))
#include "q4gemm_kernels.inc"
#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define ISA avx2
#define VL 8
#define FMA(a, b, c) __builtin_elementwise_fma(a, b, c)
#include "q4gemm_kernels.inc"
#pragma clang attribute pop
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma"))), apply_to = function)
#define ISA avx512
#define VL 16
#define FMA(a, b, c) __builtin_elementwise_fma(a, b, c)
#include "q4gemm_kernels.inc"
#pragma clang attribute pop
#elif defined(__aarch64__)
#define ISA neon
#define VL 4
#define FMA(a, b, c) __builtin_elementwise_fma(a, b, c)
#include "q4gemm_kernels.inc"
#endif

enum { MAX_COLUMNS = 32, MIN_STEPS_PER_THREAD = 1 << 17 };

static const zoo_q4_kernels *table(zoo_isa isa) {
  switch (isa) {
#if defined(__x86_64__)
  case ZOO_ISA_AVX512: return &kernels_avx512;
  case ZOO_ISA_AVX2: return &kernels_avx2;
#elif defined(__aarch64__)
  case ZOO_ISA_NEON: return &kernels_neon;
#endif
  default: return &kernels_portable;
  }
}

// MARK: Packing

static int64_t block_bytes(const zoo_q4_kernels *kernels, int64_t block) {
  return kernels->columns * 8 + block * kernels->columns / 2;
}

static int64_t panel_bytes(const zoo_q4_kernels *kernels, int64_t k, int64_t block) {
  return divide_up(k, block) * block_bytes(kernels, block);
}

size_t zoo_q4_packed_bytes(zoo_isa isa, int64_t k, int64_t n, int64_t block) {
  const zoo_q4_kernels *kernels = table(isa);
  return (size_t)(divide_up(n, kernels->columns) * panel_bytes(kernels, k, block));
}

static int nibble(const uint8_t *bytes, int64_t i) { return bytes[i / 2] >> (4 * (i % 2)) & 15; }

static float zero_of(const zoo_q4_weights *w, int64_t block, int64_t column) {
  const int64_t at = block * w->zero_row + column * w->zero_column;
  if (w->zeros) return (float)(nibble(w->zeros, at) ^ (w->is_signed ? 8 : 0));
  return (w->real_zeros ? w->real_zeros[at] : w->zero) + (w->is_signed ? 8 : 0);
}

static void pack_block(
    const zoo_q4_weights *w, int64_t b, int64_t first, int columns, int width, uint8_t *out) {
  float *scales = (float *)out, *zeros = scales + width;
  uint8_t *codes = (uint8_t *)(zeros + width);
  const int64_t count = lesser(w->block, w->k - b * w->block);
  for (int j = 0; j < columns; j++) {
    scales[j] = w->scales[b * w->scale_row + (first + j) * w->scale_column];
    zeros[j] = zero_of(w, b, first + j);
    for (int64_t p = 0; p < count; p++) {
      const int64_t at = (b * w->block + p) * w->row + (first + j) * w->column;
      const int code = nibble(w->codes, at) ^ (w->is_signed ? 8 : 0);
      codes[p * (width / 2) + j % (width / 2)] |= (uint8_t)(code << (j < width / 2 ? 0 : 4));
    }
  }
}

void zoo_q4_pack(zoo_isa isa, const zoo_q4_weights *weights, void *packed) {
  const zoo_q4_kernels *kernels = table(isa);
  const int64_t blocks = divide_up(weights->k, weights->block);
  uint8_t *out = packed;
  memset(out, 0, zoo_q4_packed_bytes(isa, weights->k, weights->n, weights->block));
  for (int64_t j = 0; j < weights->n; j += kernels->columns) {
    const int columns = (int)lesser(kernels->columns, weights->n - j);
    for (int64_t b = 0; b < blocks; b++, out += block_bytes(kernels, weights->block)) {
      pack_block(weights, b, j, columns, kernels->columns, out);
    }
  }
}

// MARK: Running

typedef struct {
  const zoo_q4_kernels *kernels;
  int64_t n, k, block;
  const float *a;
  int64_t lda;
  const uint8_t *packed;
} source;

static void pack_left(
    const void *context, int64_t row, int rows, int64_t first_k, int64_t k, float *panel) {
  const source *s = context;
  zoo_gemm_f32_pack_rows(k, rows, rows, s->a + row * s->lda + first_k, s->lda, panel);
}

static void unpack_right(
    const void *context, int64_t column, int columns, int width, int64_t first_k, int64_t k,
    float *panel) {
  (void)columns;
  const source *s = context;
  const int step = s->kernels->columns;
  for (int64_t j = 0; j < width; j += step) {
    const uint8_t *from = s->packed + (column + j) / step * panel_bytes(s->kernels, s->k, s->block);
    for (int64_t p = 0; p < k;) {
      const int64_t b = (first_k + p) / s->block, skipped = (first_k + p) % s->block;
      const int64_t count = lesser(s->block - skipped, k - p);
      const uint8_t *block = from + b * block_bytes(s->kernels, s->block);
      s->kernels->unpack(
          block + step * 8 + skipped * step / 2, (const float *)block, count, width - j,
          panel + p * width + j, width);
      p += count;
    }
  }
}

typedef struct {
  source from;
  const zoo_gemm_f32_kernels *finishing;
  zoo_tile_target target;
} row_job;

static void run_panels(void *context, int64_t begin, int64_t end) {
  const row_job *job = context;
  const source *s = &job->from;
  float sums[MAX_COLUMNS] __attribute__((aligned(64)));
  for (int64_t i = begin; i < end; i++) {
    const int64_t column = i * s->kernels->columns;
    const int64_t columns = lesser(s->kernels->columns, s->n - column);
    s->kernels->row(
        s->k, s->block, s->a, s->packed + i * panel_bytes(s->kernels, s->k, s->block), sums);
    zoo_tile_target target = job->target;
    target.c += column;
    if (target.bias && !target.bias_per_row) target.bias += column;
    if (target.residual) target.residual += column;
    job->finishing->finish(sums, s->kernels->columns, 1, columns, &target);
  }
}

void zoo_q4_gemm_run(
    zoo_isa isa, int64_t m, int64_t n, int64_t k, int64_t block, const float *a, int64_t lda,
    const void *packed, float *c, int64_t ldc, const zoo_epilogue *epilogue, int max_threads) {
  if (m <= 0 || n <= 0) return;
  const source from = {table(isa), n, k, block, a, lda, packed};
  const zoo_gemm_f32_kernels *kernels = zoo_gemm_f32_table(isa);
  const zoo_tile_target target = zoo_tile_target_of(c, ldc, 1, epilogue);
  if (m == 1) {
    row_job job = {from, kernels, target};
    const int64_t steps = greater(1, k * from.kernels->columns);
    zoo_parallel_for(
        divide_up(n, from.kernels->columns), greater(1, MIN_STEPS_PER_THREAD / steps), max_threads,
        run_panels, &job);
    return;
  }
  const zoo_gemm_f32_problem problem = {
      .kernels = kernels, .m = m, .n = n, .k = k, .pack_a = pack_left, .pack_b = unpack_right,
      .a_source = &from, .b_source = &from, .target = target};
  zoo_gemm_f32_solve(&problem, max_threads);
}
