#include "zoo_bytes.h"
#include "zoo_cpu.h"

#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

// Reflected polynomial of CRC-32C.
static const uint32_t polynomial = 0x82F63B78u;

// table[k][b]: what byte b contributes when k more bytes follow it within a group of eight.
static uint32_t table[8][256];

static uint32_t update_portable(uint32_t state, const uint8_t *bytes, int64_t count) {
  for (; count >= 8; count -= 8, bytes += 8) {
    uint64_t word;
    memcpy(&word, bytes, 8);
    word ^= state;
    state = table[7][word & 255] ^ table[6][word >> 8 & 255] ^ table[5][word >> 16 & 255] ^
            table[4][word >> 24 & 255] ^ table[3][word >> 32 & 255] ^ table[2][word >> 40 & 255] ^
            table[1][word >> 48 & 255] ^ table[0][word >> 56];
  }
  for (; count > 0; count--) state = state >> 8 ^ table[0][(state ^ *bytes++) & 255];
  return state;
}

#if defined(__x86_64__)
// The hardware instruction has a latency of three cycles, so three blocks are checked side by side.
enum { block = 1024 };
// shift[k][b]: the state that byte k of a state, being b, becomes after `block` zero bytes.
static uint32_t shift[4][256];

static void make_shift(void) {
  static const uint8_t zeros[block];
  uint32_t bit[32];
  for (int i = 0; i < 32; i++) bit[i] = update_portable(1u << i, zeros, block);
  for (int k = 0; k < 4; k++) {
    for (int b = 0; b < 256; b++) {
      uint32_t state = 0;
      for (int i = 0; i < 8; i++) state ^= b >> i & 1 ? bit[8 * k + i] : 0;
      shift[k][b] = state;
    }
  }
}

static inline uint32_t shifted(uint32_t state) {
  return shift[0][state & 255] ^ shift[1][state >> 8 & 255] ^ shift[2][state >> 16 & 255] ^
         shift[3][state >> 24];
}

static inline uint64_t word_at(const uint8_t *bytes) {
  uint64_t word;
  memcpy(&word, bytes, 8);
  return word;
}

__attribute__((target("sse4.2"))) static uint32_t update_sse42(
    uint32_t state, const uint8_t *bytes, int64_t count) {
  for (; count >= 3 * block; count -= 3 * block, bytes += 3 * block) {
    uint64_t a = state, b = 0, c = 0;
    for (int i = 0; i < block; i += 8) {
      a = _mm_crc32_u64(a, word_at(bytes + i));
      b = _mm_crc32_u64(b, word_at(bytes + block + i));
      c = _mm_crc32_u64(c, word_at(bytes + 2 * block + i));
    }
    state = shifted(shifted((uint32_t)a) ^ (uint32_t)b) ^ (uint32_t)c;
  }
  uint64_t wide = state;
  for (; count >= 8; count -= 8, bytes += 8) wide = _mm_crc32_u64(wide, word_at(bytes));
  state = (uint32_t)wide;
  for (; count > 0; count--) state = _mm_crc32_u8(state, *bytes++);
  return state;
}
#endif

static uint32_t (*update)(uint32_t, const uint8_t *, int64_t) = update_portable;

__attribute__((constructor(102))) static void choose(void) {
  for (uint32_t b = 0; b < 256; b++) {
    uint32_t state = b;
    for (int i = 0; i < 8; i++) state = state >> 1 ^ (state & 1 ? polynomial : 0);
    table[0][b] = state;
  }
  for (int k = 1; k < 8; k++) {
    for (int b = 0; b < 256; b++) {
      table[k][b] = table[k - 1][b] >> 8 ^ table[0][table[k - 1][b] & 255];
    }
  }
#if defined(__x86_64__)
  if (zoo_cpu_isa() >= ZOO_ISA_AVX2) {
    make_shift();
    update = update_sse42;
  }
#endif
}

uint32_t zoo_crc32c(uint32_t crc, const void *bytes, int64_t count) {
  return ~update(~crc, bytes, count);
}

uint32_t zoo_crc32c_portable(uint32_t crc, const void *bytes, int64_t count) {
  return ~update_portable(~crc, bytes, count);
}
