#include "zoo_bytes.h"

#include <stdlib.h>
#include <string.h>

#define ALWAYS_INLINE static inline __attribute__((always_inline))

// `width` is a constant wherever this is inlined, so that each copy becomes one load.
ALWAYS_INLINE uint64_t load(const void *words, int64_t i, int width) {
  uint64_t word = 0;
  memcpy(&word, (const uint8_t *)words + i * width, (size_t)width);
  return word;
}

ALWAYS_INLINE void store(void *words, int64_t i, int width, uint64_t word) {
  memcpy((uint8_t *)words + i * width, &word, (size_t)width);
}

#define BY_WIDTH(RESULT, CALL)                                                                   \
  switch (width) {                                                                               \
  case 1: { enum { w = 1 }; RESULT CALL; } break;                                                \
  case 2: { enum { w = 2 }; RESULT CALL; } break;                                                \
  case 4: { enum { w = 4 }; RESULT CALL; } break;                                                \
  default: { enum { w = 8 }; RESULT CALL; } break;                                               \
  }

ALWAYS_INLINE int64_t count_nonzero(const void *words, int64_t count, int width) {
  int64_t found = 0;
  for (int64_t i = 0; i < count; i++) found += load(words, i, width) != 0;
  return found;
}

int64_t zoo_nonzero_count(const void *words, int64_t count, int width) {
  int64_t found = 0;
  BY_WIDTH(found =, count_nonzero(words, count, w))
  return found;
}

ALWAYS_INLINE void gather(
    const void *words, int64_t count, int width, uint8_t *bitmap, void *values) {
  int64_t found = 0;
  for (int64_t i = 0; i < count; i += 8) {
    int byte = 0;
    for (int64_t j = i; j < count && j < i + 8; j++) {
      uint64_t word = load(words, j, width);
      if (word != 0) {
        byte |= 1 << (j - i);
        store(values, found++, width, word);
      }
    }
    bitmap[i / 8] = (uint8_t)byte;
  }
}

void zoo_nonzero_gather(
    const void *words, int64_t count, int width, uint8_t *bitmap, void *values) {
  BY_WIDTH(, gather(words, count, w, bitmap, values))
}

ALWAYS_INLINE void scatter(
    const uint8_t *bitmap, const void *values, int64_t count, int width, void *words) {
  memset(words, 0, (size_t)(count * width));
  int64_t taken = 0;
  for (int64_t i = 0; i < count; i += 8) {
    for (unsigned byte = bitmap[i / 8]; byte != 0; byte &= byte - 1) {
      int64_t j = i + __builtin_ctz(byte);
      if (j < count) store(words, j, width, load(values, taken++, width));
    }
  }
}

void zoo_nonzero_scatter(
    const uint8_t *bitmap, const void *values, int64_t count, int width, void *words) {
  BY_WIDTH(, scatter(bitmap, values, count, w, words))
}

int64_t zoo_bit_count(const uint8_t *bytes, int64_t count) {
  int64_t bits = 0;
  for (; count >= 8; count -= 8, bytes += 8) bits += __builtin_popcountll(load(bytes, 0, 8));
  for (; count > 0; count--) bits += __builtin_popcount(*bytes++);
  return bits;
}

// A small open hash table of words and their places.
enum { slots = 1024 };
typedef struct {
  uint64_t word[slots];
  int16_t place[slots];  // −1: free
} word_table;

ALWAYS_INLINE int slot_of(const word_table *table, uint64_t word) {
  unsigned slot = (unsigned)(word * 0x9E3779B97F4A7C15u >> 54);
  while (table->place[slot] >= 0 && table->word[slot] != word) slot = (slot + 1) % slots;
  return (int)slot;
}

ALWAYS_INLINE int collect(
    word_table *seen, const void *words, int64_t count, int width, int entries) {
  for (int64_t i = 0; i < count; i++) {
    uint64_t word = load(words, i, width);
    int slot = slot_of(seen, word);
    if (seen->place[slot] >= 0) continue;
    if (entries == 256) return -1;
    seen->word[slot] = word;
    seen->place[slot] = (int16_t)entries++;
  }
  return entries;
}

static int ascending(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

int zoo_palette_collect(const void *words, int64_t count, int width, void *table, int known) {
  word_table seen;
  memset(seen.place, -1, sizeof seen.place);
  int entries = 0;
  BY_WIDTH(entries =, collect(&seen, table, known, w, 0))
  BY_WIDTH(entries =, collect(&seen, words, count, w, entries))
  if (entries < 0) return -1;
  uint64_t sorted[256];
  int n = 0;
  for (int slot = 0; slot < slots; slot++) {
    if (seen.place[slot] >= 0) sorted[n++] = seen.word[slot];
  }
  qsort(sorted, (size_t)n, sizeof sorted[0], ascending);
  for (int i = 0; i < n; i++) store(table, i, width, sorted[i]);
  return n;
}

ALWAYS_INLINE void index_words(
    const word_table *places, const void *words, int64_t count, int width, int bits,
    uint8_t *indices) {
  for (int64_t i = 0; i < count; i++) {
    int place = places->place[slot_of(places, load(words, i, width))];
    int64_t bit = i * bits;
    if (bit % 8 == 0) indices[bit / 8] = 0;
    indices[bit / 8] = (uint8_t)(indices[bit / 8] | place << bit % 8);
  }
}

void zoo_palette_index(
    const void *words, int64_t count, int width, const void *table, int entries, int bits,
    uint8_t *indices) {
  word_table places;
  memset(places.place, -1, sizeof places.place);
  for (int i = 0; i < entries; i++) {
    uint64_t word = 0;
    memcpy(&word, (const uint8_t *)table + i * width, (size_t)width);
    int slot = slot_of(&places, word);
    places.word[slot] = word;
    places.place[slot] = (int16_t)i;
  }
  BY_WIDTH(, index_words(&places, words, count, w, bits, indices))
}

ALWAYS_INLINE int expand(
    const uint8_t *indices, int64_t count, int bits, const uint64_t *table, int entries, int width,
    void *words) {
  int per_byte = 8 / bits, mask = (1 << bits) - 1;
  for (int64_t i = 0; i < count; i += per_byte) {
    int byte = indices[i / per_byte];
    for (int64_t j = i; j < count && j < i + per_byte; j++, byte >>= bits) {
      if ((byte & mask) >= entries) return 0;
      store(words, j, width, table[byte & mask]);
    }
  }
  return 1;
}

int zoo_palette_expand(
    const uint8_t *indices, int64_t count, int bits, const void *table, int entries, int width,
    void *words) {
  uint64_t wide[256];
  for (int i = 0; i < entries; i++) {
    wide[i] = 0;
    memcpy(&wide[i], (const uint8_t *)table + i * width, (size_t)width);
  }
  int fits = 0;
  switch (bits) {
  case 1: BY_WIDTH(fits =, expand(indices, count, 1, wide, entries, w, words)) break;
  case 2: BY_WIDTH(fits =, expand(indices, count, 2, wide, entries, w, words)) break;
  case 4: BY_WIDTH(fits =, expand(indices, count, 4, wide, entries, w, words)) break;
  default: BY_WIDTH(fits =, expand(indices, count, 8, wide, entries, w, words)) break;
  }
  return fits;
}
