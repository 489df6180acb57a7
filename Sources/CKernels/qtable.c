// Functions of bytes by their tables.
#include "zoo_qplane.h"
#include "zoo_threads.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { GRAIN = 1 << 16 };

typedef void (*look_up)(const uint8_t *table, int64_t count, const uint8_t *x, uint8_t *y);

typedef struct {
  look_up look_up;
  const uint8_t *table, *x;
  uint8_t *y;
} job;

static void look_up_each(const uint8_t *table, int64_t count, const uint8_t *x, uint8_t *y) {
  for (int64_t i = 0; i < count; i++) y[i] = table[x[i]];
}

#if defined(__x86_64__)
/// An instruction picks from 128 bytes; the highest bit of a code says which of two results counts.
__attribute__((target("avx512f,avx512bw,avx512vbmi"))) static void look_up_vectors(
    const uint8_t *table, int64_t count, const uint8_t *x, uint8_t *y) {
  const __m512i t0 = _mm512_loadu_si512(table), t1 = _mm512_loadu_si512(table + 64);
  const __m512i t2 = _mm512_loadu_si512(table + 128), t3 = _mm512_loadu_si512(table + 192);
  for (int64_t i = 0; i < count; i += 64) {
    const __mmask64 some = count - i < 64 ? ((__mmask64)1 << (count - i)) - 1 : ~(__mmask64)0;
    const __m512i codes = _mm512_maskz_loadu_epi8(some, x + i);
    const __m512i low = _mm512_permutex2var_epi8(t0, codes, t1);
    const __m512i high = _mm512_permutex2var_epi8(t2, codes, t3);
    const __mmask64 is_high = _mm512_movepi8_mask(codes);
    _mm512_mask_storeu_epi8(y + i, some, _mm512_mask_blend_epi8(is_high, low, high));
  }
}
#endif

static look_up kernel_for(zoo_isa isa) {
#if defined(__x86_64__)
  if (isa == ZOO_ISA_AVX512 && __builtin_cpu_supports("avx512vbmi")) return look_up_vectors;
#endif
  return look_up_each;
}

static void run(void *context, int64_t begin, int64_t end) {
  const job *j = context;
  j->look_up(j->table, end - begin, j->x + begin, j->y + begin);
}

void zoo_qtable_run(
    zoo_isa isa, const uint8_t *table, int64_t count, const uint8_t *x, uint8_t *y,
    int max_threads) {
  job j = {kernel_for(isa), table, x, y};
  zoo_parallel_for(count, GRAIN, max_threads, run, &j);
}
