// Rows of weights that are stored in blocks of codes of 2, 4 or 8 bits.
#pragma once

/// LANES codes from bit 0 of `p` on.
INLINE vf block_codes(const uint8_t *p, int width) {
  if (width == 8) {
    vb v;
    memcpy(&v, p, sizeof v);
    return __builtin_convertvector(__builtin_convertvector(v, vi), vf);
  }
  uint64_t raw = 0;
  memcpy(&raw, p, (size_t)(LANES * width / 8));
  vu place;
  for (int i = 0; i < LANES; i++) place[i] = (uint32_t)(i * width);
  vu word = place < 32 ? (vu)(uint32_t)raw : (vu)(uint32_t)(raw >> 32);
  vu code = (word >> (place & 31)) & ((1u << width) - 1);
  return __builtin_convertvector((vi)code, vf);
}

INLINE void block_row_of(const zoo_block_row *row, float *out, int width) {
  const size_t bytes = row->block * (size_t)width / 8;
  for (size_t b = 0; b * row->block < row->k; b++) {
    const uint8_t *codes = row->codes + b * bytes;
    const vf zero = splat(row->zeros[b]), scale = splat(row->scales[b]);
    const size_t first = b * row->block;
    const size_t count = row->k - first < row->block ? row->k - first : row->block;
    for (size_t i = 0; i < count; i += LANES) {
      vf v = (block_codes(codes + i * (size_t)width / 8, width) - zero) * scale;
      store_n(out + first + i, v, count - i);
    }
  }
}

/// (code − zero) · scale
static void block_row(const zoo_block_row *row, float *out) {
  if (row->bits == 4) {
    block_row_of(row, out, 4);
  } else if (row->bits == 8) {
    block_row_of(row, out, 8);
  } else {
    block_row_of(row, out, 2);
  }
}

// Σ a · (code − zero) · scale is taken as scale · (Σ a · code − zero · Σ a), block by block; `sums` has Σ a of each.
INLINE float block_dot_of(const zoo_block_row *row, const float *a, const float *sums, int width) {
  const size_t bytes = row->block * (size_t)width / 8;
  vf total = splat(0);
  float shift = 0;
  for (size_t b = 0; b * row->block < row->k; b++) {
    const uint8_t *codes = row->codes + b * bytes;
    const size_t first = b * row->block;
    const size_t count = row->k - first < row->block ? row->k - first : row->block;
    vf part = splat(0), more = splat(0);
    size_t i = 0;
    for (; i + 2 * LANES <= count; i += 2 * LANES) {
      part = madd(block_codes(codes + i * (size_t)width / 8, width), load(a + first + i), part);
      const uint8_t *next = codes + (i + LANES) * (size_t)width / 8;
      more = madd(block_codes(next, width), load(a + first + i + LANES), more);
    }
    for (; i < count; i += LANES) {
      vf x = load_n(a + first + i, count - i);
      part = madd(block_codes(codes + i * (size_t)width / 8, width), x, part);
    }
    total = madd(part + more, splat(row->scales[b]), total);
    shift += row->scales[b] * row->zeros[b] * sums[b];
  }
  return horizontal_sum(total) - shift;
}

// Codes of 4 bits whose blocks are whole pairs of vectors: a byte has two neighbours, so that low and high halves of
// LANES bytes are the elements of even and of odd place. `a` has them in this order, and zeros up to the last block's end.
INLINE float block_dot_halves(const zoo_block_row *row, const float *a, const float *sums) {
  vf total = splat(0);
  float shift = 0;
  for (size_t b = 0; b * row->block < row->k; b++) {
    const uint8_t *codes = row->codes + b * row->block / 2;
    const float *x = a + b * row->block;
    vf even = splat(0), odd = splat(0);
    for (size_t i = 0; i < row->block; i += 2 * LANES) {
      vb bytes;
      memcpy(&bytes, codes + i / 2, sizeof bytes);
      vi pair = __builtin_convertvector(bytes, vi);
      even = madd(__builtin_convertvector(pair & 15, vf), load(x + i), even);
      odd = madd(__builtin_convertvector(pair >> 4, vf), load(x + i + LANES), odd);
    }
    total = madd(even + odd, splat(row->scales[b]), total);
    shift += row->scales[b] * row->zeros[b] * sums[b];
  }
  return horizontal_sum(total) - shift;
}

static float block_dot(const zoo_block_row *row, const float *a, const float *sums) {
  if (row->bits == 4 && row->block % (2 * LANES) == 0 && row->block <= 4096) return block_dot_halves(row, a, sums);
  if (row->bits == 4) return block_dot_of(row, a, sums, 4);
  return row->bits == 8 ? block_dot_of(row, a, sums, 8) : block_dot_of(row, a, sums, 2);
}
