// Loads and products of pairs in plain vector arithmetic, for VL 4: a vector of B is two columns of four bytes.
#include <stdint.h>
#include <string.h>

typedef int8_t bytes __attribute__((ext_vector_type(4)));
typedef int8_t bytes8 __attribute__((ext_vector_type(8)));
typedef int16_t halves8 __attribute__((ext_vector_type(8)));
typedef int32_t words4 __attribute__((ext_vector_type(4)));
#define QA halves8
#define QB halves8

static inline __attribute__((always_inline)) halves8 load_four(const char *p) {
  int64_t four;
  memcpy(&four, p, sizeof four);
  typedef int64_t longs2 __attribute__((ext_vector_type(2)));
  return (halves8)(longs2)four;
}

static inline __attribute__((always_inline)) halves8 load_columns(const int8_t *p) {
  bytes8 all;
  memcpy(&all, p, sizeof all);
  return __builtin_convertvector(all, halves8);
}

static inline __attribute__((always_inline)) words4 dot_pairs(words4 sum, halves8 a, halves8 b) {
#define EVEN(v) __builtin_convertvector(__builtin_shufflevector(v, v, 0, 2, 4, 6), words4)
#define ODD(v) __builtin_convertvector(__builtin_shufflevector(v, v, 1, 3, 5, 7), words4)
  return sum + (EVEN(a) * EVEN(b) + ODD(a) * ODD(b));
#undef EVEN
#undef ODD
}

#define LOAD_A(p) load_four(p)
#define LOAD_B(p) load_columns(p)
#define DOT(sum, a, b) dot_pairs(sum, a, b)
#define EVEN_LANES(x, y) __builtin_shufflevector(x, y, 0, 2, 4, 6)
#define ODD_LANES(x, y) __builtin_shufflevector(x, y, 1, 3, 5, 7)
#define MULTIPLY_ADD(sum, x, w) ((sum) + (x) * (w))
