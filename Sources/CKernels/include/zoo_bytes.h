#pragma once
#include <stdint.h>

// Byte-level work of the .zoo container: checksums, byte planes, bitmaps, palettes. C because each is a loop over
// bytes that needs vector instructions chosen at run time; Swift reaches a tenth of the speed.
// Everywhere: `width` is 1, 2, 4 or 8 (bytes of a word), words are little-endian, nothing need be aligned, and input
// and output do not overlap. Functions that end in `_portable` are the plain twins that tests compare with.

/// CRC-32C (Castagnoli, RFC 3720 appendix B.4) of `count` bytes; `crc` is 0 or the result for the bytes before them.
uint32_t zoo_crc32c(uint32_t crc, const void *bytes, int64_t count);
uint32_t zoo_crc32c_portable(uint32_t crc, const void *bytes, int64_t count);

/// The SHA-1 digest (FIPS 180-4, section 6.1) of bytes that come in pieces.
typedef struct {
  uint32_t words[5];
  uint8_t rest[64];  // bytes that do not fill a block yet
  uint64_t count;    // of all bytes so far
} zoo_sha1_state;
void zoo_sha1_begin(zoo_sha1_state *state);
void zoo_sha1_add(zoo_sha1_state *state, const void *bytes, int64_t count);
/// Gives the digest as five words, the first being the most significant.
void zoo_sha1_end(zoo_sha1_state *state, uint32_t digest[5]);

/// Byte k of word i goes to `planes[k * count + i]`; byte 0 is the least significant. With `rotate`, each word is
/// first rotated left by one bit, which moves the sign of a float out of the exponent's byte.
void zoo_planes_split(const void *words, int64_t count, int width, int rotate, uint8_t *planes);
void zoo_planes_split_portable(
    const void *words, int64_t count, int width, int rotate, uint8_t *planes);

/// The inverse of `zoo_planes_split`; plane k is at `planes[k]`.
void zoo_planes_merge(
    const uint8_t *const *planes, int64_t count, int width, int rotate, void *words);
void zoo_planes_merge_portable(
    const uint8_t *const *planes, int64_t count, int width, int rotate, void *words);

/// The number of words of which any bit is set.
int64_t zoo_nonzero_count(const void *words, int64_t count, int width);
/// Sets bit i (i % 8 of byte i / 8) of `bitmap` for each such word, clears all others, and copies those words to
/// `values`, in order. `bitmap` has ⌈count / 8⌉ bytes.
void zoo_nonzero_gather(
    const void *words, int64_t count, int width, uint8_t *bitmap, void *values);
/// The inverse; `values` has as many words as the bitmap has bits set among its first `count`.
void zoo_nonzero_scatter(
    const uint8_t *bitmap, const void *values, int64_t count, int width, void *words);
/// The number of bits set in `count` bytes.
int64_t zoo_bit_count(const uint8_t *bytes, int64_t count);

/// Collects the different words, ascending, into `table` (room for 256): their number, or −1 if there are more than
/// 256. `known` words are in the table already.
int zoo_palette_collect(
    const void *words, int64_t count, int width, void *table, int known);
/// The place of each word in the ascending `table` of `entries` words, all of which are there, in `bits` (1, 2, 4, 8)
/// bits each, the first in the lowest bits; unused bits of the last byte are 0.
void zoo_palette_index(
    const void *words, int64_t count, int width, const void *table, int entries, int bits,
    uint8_t *indices);
/// The inverse. Returns 0, without having written all words, if an index is not below `entries`.
int zoo_palette_expand(
    const uint8_t *indices, int64_t count, int bits, const void *table, int entries, int width,
    void *words);
