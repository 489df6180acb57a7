#include "zoo_bytes.h"
#include "zoo_cpu.h"

#include <string.h>

// One body for all instruction sets: the compiler turns it into full-width vector code (byte-to-word widening, shifts
// and ors for merging, truncating stores for splitting) for each function below that names a target.

#define ALWAYS_INLINE static inline __attribute__((always_inline))

#define DEFINE_WORD(BITS)                                                                        \
  typedef uint##BITS##_t __attribute__((aligned(1), may_alias)) word##BITS;                      \
  ALWAYS_INLINE void split##BITS(                                                                \
      const void *words, int64_t count, int rotate, uint8_t *restrict planes) {                  \
    const word##BITS *restrict from = words;                                                     \
    for (int64_t i = 0; i < count; i++) {                                                        \
      uint##BITS##_t word = from[i];                                                             \
      if (rotate) word = (uint##BITS##_t)(word << 1 | word >> (BITS - 1));                       \
      for (int k = 0; k < BITS / 8; k++) planes[k * count + i] = (uint8_t)(word >> 8 * k);       \
    }                                                                                            \
  }                                                                                              \
  ALWAYS_INLINE void merge##BITS(                                                                \
      const uint8_t *const *planes, int64_t count, int rotate, void *words) {                    \
    word##BITS *restrict to = words;                                                             \
    const uint8_t *restrict plane[BITS / 8];                                                     \
    for (int k = 0; k < BITS / 8; k++) plane[k] = planes[k];                                     \
    for (int64_t i = 0; i < count; i++) {                                                        \
      uint##BITS##_t word = 0;                                                                   \
      for (int k = 0; k < BITS / 8; k++) {                                                       \
        word = (uint##BITS##_t)(word | (uint##BITS##_t)plane[k][i] << 8 * k);                    \
      }                                                                                          \
      if (rotate) word = (uint##BITS##_t)(word >> 1 | word << (BITS - 1));                       \
      to[i] = word;                                                                              \
    }                                                                                            \
  }

DEFINE_WORD(16)
DEFINE_WORD(32)
DEFINE_WORD(64)

// Each case gets its own loop, with the rotation known.
#define DEFINE_ISA(NAME, ATTRIBUTE)                                                              \
  ATTRIBUTE static void split_##NAME(                                                            \
      const void *words, int64_t count, int width, int rotate, uint8_t *planes) {                \
    switch (width) {                                                                             \
    case 2: rotate ? split16(words, count, 1, planes) : split16(words, count, 0, planes); break; \
    case 4: rotate ? split32(words, count, 1, planes) : split32(words, count, 0, planes); break; \
    case 8: rotate ? split64(words, count, 1, planes) : split64(words, count, 0, planes); break; \
    default: memcpy(planes, words, (size_t)count);                                               \
    }                                                                                            \
  }                                                                                              \
  ATTRIBUTE static void merge_##NAME(                                                            \
      const uint8_t *const *planes, int64_t count, int width, int rotate, void *words) {         \
    switch (width) {                                                                             \
    case 2: rotate ? merge16(planes, count, 1, words) : merge16(planes, count, 0, words); break; \
    case 4: rotate ? merge32(planes, count, 1, words) : merge32(planes, count, 0, words); break; \
    case 8: rotate ? merge64(planes, count, 1, words) : merge64(planes, count, 0, words); break; \
    default: memcpy(words, planes[0], (size_t)count);                                            \
    }                                                                                            \
  }

DEFINE_ISA(portable, )
#if defined(__x86_64__)
DEFINE_ISA(avx2, __attribute__((target("avx2"))))
DEFINE_ISA(avx512, __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq"))))
#endif

static void (*split)(const void *, int64_t, int, int, uint8_t *) = split_portable;
static void (*merge)(const uint8_t *const *, int64_t, int, int, void *) = merge_portable;

__attribute__((constructor(102))) static void choose(void) {
#if defined(__x86_64__)
  if (zoo_cpu_isa() == ZOO_ISA_AVX512) {
    split = split_avx512;
    merge = merge_avx512;
  } else if (zoo_cpu_isa() == ZOO_ISA_AVX2) {
    split = split_avx2;
    merge = merge_avx2;
  }
#endif
}

void zoo_planes_split(const void *words, int64_t count, int width, int rotate, uint8_t *planes) {
  split(words, count, width, rotate, planes);
}

void zoo_planes_merge(
    const uint8_t *const *planes, int64_t count, int width, int rotate, void *words) {
  merge(planes, count, width, rotate, words);
}

// The twins go byte by byte, so that they share nothing with what they check.
static int bit_of(const uint8_t *word, int width, int bit) {
  bit = (bit + 8 * width) % (8 * width);
  return word[bit / 8] >> bit % 8 & 1;
}

void zoo_planes_split_portable(
    const void *words, int64_t count, int width, int rotate, uint8_t *planes) {
  for (int64_t i = 0; i < count; i++) {
    const uint8_t *word = (const uint8_t *)words + i * width;
    for (int k = 0; k < width; k++) {
      int byte = 0;
      for (int b = 0; b < 8; b++) byte |= bit_of(word, width, 8 * k + b - (rotate && width > 1)) << b;
      planes[k * count + i] = (uint8_t)byte;
    }
  }
}

void zoo_planes_merge_portable(
    const uint8_t *const *planes, int64_t count, int width, int rotate, void *words) {
  for (int64_t i = 0; i < count; i++) {
    uint8_t turned[8];
    for (int k = 0; k < width; k++) turned[k] = planes[k][i];
    for (int k = 0; k < width; k++) {
      int byte = 0;
      for (int b = 0; b < 8; b++) {
        byte |= bit_of(turned, width, 8 * k + b + (rotate && width > 1)) << b;
      }
      ((uint8_t *)words)[i * width + k] = (uint8_t)byte;
    }
  }
}
