// Loads and products of pairs in plain vector arithmetic, for VL 4.
#include <stdint.h>
#include <string.h>

typedef int8_t bytes __attribute__((ext_vector_type(4)));
typedef int8_t bytes8 __attribute__((ext_vector_type(8)));
typedef int32_t words __attribute__((ext_vector_type(4)));
typedef struct {
  words even, odd;
} pairs;
#define QB pairs

static inline __attribute__((always_inline)) pairs load_pairs(const int8_t *p) {
  bytes8 all;
  memcpy(&all, p, sizeof all);
  return (pairs){
      __builtin_convertvector(__builtin_shufflevector(all, all, 0, 2, 4, 6), words),
      __builtin_convertvector(__builtin_shufflevector(all, all, 1, 3, 5, 7), words)};
}

static inline __attribute__((always_inline)) words dot_pairs(words sum, int32_t word, pairs b) {
  const int32_t first = (int16_t)(word & 0xFFFF), second = word >> 16;
  return sum + b.even * first + b.odd * second;
}

#define LOAD_B(p) load_pairs(p)
#define DOT(sum, word, b) dot_pairs(sum, word, b)
