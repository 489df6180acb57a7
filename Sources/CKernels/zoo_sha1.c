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

void zoo_sha1_begin(zoo_sha1_state *state) {
  *state = (zoo_sha1_state){.words = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0}};
}

void zoo_sha1_add(zoo_sha1_state *state, const void *bytes, int64_t count) {
  const uint8_t *at = bytes;
  size_t held = state->count % 64;
  state->count += (uint64_t)count;
  if (held > 0) {
    size_t taken = 64 - held < (size_t)count ? 64 - held : (size_t)count;
    memcpy(state->rest + held, at, taken);
    if (held + taken < 64) return;
    add_block(state->words, state->rest);
    at += taken;
    count -= (int64_t)taken;
  }
  for (; count >= 64; count -= 64, at += 64) add_block(state->words, at);
  if (count > 0) memcpy(state->rest, at, (size_t)count);
}

void zoo_sha1_end(zoo_sha1_state *state, uint32_t digest[5]) {
  // The rest, a one bit, zeros, and the number of bits fill one or two blocks.
  size_t rest = state->count % 64;
  uint8_t tail[128] = {0};
  memcpy(tail, state->rest, rest);
  tail[rest] = 0x80;
  int length = rest < 56 ? 64 : 128;
  for (int i = 0; i < 8; i++) tail[length - 1 - i] = (uint8_t)(state->count << 3 >> (8 * i));
  for (int start = 0; start < length; start += 64) add_block(state->words, tail + start);
  memcpy(digest, state->words, sizeof state->words);
}
