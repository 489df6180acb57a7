#include "zoo_bytes.h"

#include <string.h>

static uint32_t rotated(uint32_t word, int count) { return word << count | word >> (32 - count); }

static void add_block(uint32_t state[5], const uint8_t *bytes) {
  uint32_t w[80];
  memcpy(w, bytes, 64);
  for (int i = 0; i < 16; i++) w[i] = __builtin_bswap32(w[i]);
  for (int i = 16; i < 80; i++) w[i] = rotated(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
  uint32_t a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
  for (int i = 0; i < 80; i++) {
    uint32_t mix = i < 20   ? ((b & c) | (~b & d)) + 0x5A827999
                   : i < 40 ? (b ^ c ^ d) + 0x6ED9EBA1
                   : i < 60 ? ((b & c) | (b & d) | (c & d)) + 0x8F1BBCDC
                            : (b ^ c ^ d) + 0xCA62C1D6;
    uint32_t next = rotated(a, 5) + mix + e + w[i];
    e = d;
    d = c;
    c = rotated(b, 30);
    b = a;
    a = next;
  }
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
  state[4] += e;
}

void zoo_sha1(const void *bytes, int64_t count, uint32_t state[5]) {
  static const uint32_t first[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
  memcpy(state, first, sizeof first);
  const uint8_t *at = bytes;
  int64_t rest = count;
  for (; rest >= 64; rest -= 64, at += 64) add_block(state, at);
  // The rest, a one bit, zeros, and the number of bits fill one or two blocks.
  uint8_t tail[128] = {0};
  if (rest > 0) memcpy(tail, at, (size_t)rest);
  tail[rest] = 0x80;
  int length = rest < 56 ? 64 : 128;
  for (int i = 0; i < 8; i++) tail[length - 1 - i] = (uint8_t)((uint64_t)count << 3 >> (8 * i));
  for (int start = 0; start < length; start += 64) add_block(state, tail + start);
}
