// Products with weights that stay in blocks of a few bits. In C because rows are unpacked into the panels of the f32
// product, thread by thread.
// The same to the bit on every processor: nothing becomes a fused multiply-add that is not written as one.
#pragma STDC FP_CONTRACT OFF

#include "zoo_block_weights.h"

#include <string.h>

#include "extents.h"
#include "zoo_gemm.h"
#include "zoo_threads.h"
#include "zoo_vector.h"

// Columns of C that are unpacked, packed and multiplied together.
// Products of one row take no more blocks than this, nor, of 4 bits, longer ones in pairs.
enum { TILE = 64, MOST_BLOCKS = 4096 };

typedef struct {
  zoo_isa isa;
  const zoo_block_weights *b;
  int64_t m;
  const float *a;
  const float *bias;
  float *c;
  unsigned char *scratch;
  size_t stride;
  const float *sums;
  int64_t slots;
} product;

static int64_t blocks_of(const zoo_block_weights *b) { return divide_up(b->k, b->block); }

static float zero_of(const zoo_block_weights *b, int64_t row, int64_t block, int64_t blocks) {
  if (b->real_zeros) return b->real_zeros[row * blocks + block];
  if (!b->zeros) return (float)(1 << (b->bits - 1));
  const int64_t bytes = (blocks * b->bits + 7) / 8;
  const int64_t bit = block * b->bits;
  return (float)(b->zeros[row * bytes + bit / 8] >> (bit % 8) & ((1 << b->bits) - 1));
}

static int code_of(const zoo_block_weights *b, int64_t row, int64_t column, int64_t blocks) {
  const int64_t bytes = b->block * b->bits / 8;
  const int64_t bit = column % b->block * b->bits;
  const uint8_t byte = b->codes[(row * blocks + column / b->block) * bytes + bit / 8];
  return byte >> (bit % 8) & ((1 << b->bits) - 1);
}

static void table_row(const zoo_block_weights *b, int64_t row, float *out) {
  for (int64_t p = 0; p < b->k; p++) {
    const int64_t at = row * b->k + p;
    const uint8_t byte = b->codes[at / 2];
    out[p] = b->table[at % 2 ? byte & 15 : byte >> 4] * b->scales[at / b->block];
  }
}

static void grouped_row(const zoo_block_weights *b, int64_t row, float *out) {
  const int64_t blocks = blocks_of(b);
  for (int64_t p = 0; p < b->k; p++) {
    const int64_t block = b->group[p];
    out[p] = ((float)code_of(b, row, p, blocks) - zero_of(b, row, block, blocks)) *
             b->scales[row * blocks + block];
  }
}

// `zeros` has room for one number per block.
static zoo_block_row row_of(const zoo_block_weights *b, int64_t row, float *zeros) {
  const int64_t blocks = blocks_of(b);
  for (int64_t i = 0; i < blocks; i++) zeros[i] = zero_of(b, row, i, blocks);
  return (zoo_block_row){
      .codes = b->codes + row * blocks * (b->block * b->bits / 8),
      .scales = b->scales + row * blocks,
      .zeros = zeros,
      .bits = b->bits,
      .block = (size_t)b->block,
      .k = (size_t)b->k,
  };
}

static void one_row(zoo_isa isa, const zoo_block_weights *b, int64_t row, float *out) {
  if (b->table) {
    table_row(b, row, out);
    return;
  }
  if (b->group) {
    grouped_row(b, row, out);
    return;
  }
  float zeros[MOST_BLOCKS];
  const int64_t step = MOST_BLOCKS * b->block, blocks = blocks_of(b);
  for (int64_t first = 0; first < b->k; first += step) {
    const int64_t from = first / b->block, count = lesser(MOST_BLOCKS, blocks - from);
    for (int64_t i = 0; i < count; i++) zeros[i] = zero_of(b, row, from + i, blocks);
    zoo_block_row part = {
        .codes = b->codes + (row * blocks + from) * (b->block * b->bits / 8),
        .scales = b->scales + row * blocks + from,
        .zeros = zeros,
        .bits = b->bits,
        .block = (size_t)b->block,
        .k = (size_t)lesser(step, b->k - first),
    };
    zoo_vector_kernels_for(isa)->block_row(&part, out + first);
  }
}

void zoo_block_rows(
    zoo_isa isa, const zoo_block_weights *b, int64_t first, int64_t count, float *rows) {
  for (int64_t i = 0; i < count; i++) one_row(isa, b, first + i, rows + i * b->k);
}

static size_t panel_bytes(int64_t k) { return whole_lines((size_t)(TILE * k) * sizeof(float)); }

size_t zoo_block_product_bytes(zoo_isa isa, int64_t n, int64_t k, int threads) {
  const size_t per_thread = panel_bytes(k) + whole_lines(zoo_gemm_f32_packed_bytes(isa, k, lesser(n, TILE)));
  // A product of one row keeps the sums of its blocks there, and the row itself up to the end of the last block.
  const size_t row = (size_t)(k + 2 * MOST_BLOCKS) * sizeof(float);
  const size_t most = per_thread * (size_t)threads;
  return (most > row ? most : row) + 64;
}

static void tiles(void *context, int64_t begin, int64_t end) {
  const product *p = context;
  const int64_t n = p->b->n, k = p->b->k;
  for (int64_t slot = begin; slot < end; slot++) {
    float *rows = (float *)(p->scratch + (size_t)slot * p->stride);
    void *packed = (unsigned char *)rows + panel_bytes(k);
    for (int64_t first = slot * TILE; first < n; first += p->slots * TILE) {
      const int64_t count = lesser(TILE, n - first);
      zoo_block_rows(p->isa, p->b, first, count, rows);
      zoo_gemm_f32_pack(p->isa, k, count, rows, k, 1, 1, packed);
      zoo_epilogue epilogue = {.bias = p->bias ? p->bias + first : 0};
      zoo_gemm_f32_run(
          p->isa, p->m, count, k, p->a, k, 0, packed, p->c + first, n, &epilogue, 1);
    }
  }
}

static void dots(void *context, int64_t begin, int64_t end) {
  const product *p = context;
  float zeros[MOST_BLOCKS];
  for (int64_t i = begin; i < end; i++) {
    zoo_block_row row = row_of(p->b, i, zeros);
    const float dot = zoo_vector_kernels_for(p->isa)->block_dot(&row, p->a, p->sums);
    p->c[i] = dot + (p->bias ? p->bias[i] : 0);
  }
}

static void sum_blocks(const zoo_block_weights *b, const float *a, float *sums) {
  for (int64_t first = 0; first < b->k; first += b->block) {
    float sum = 0;
    for (int64_t p = first; p < lesser(first + b->block, b->k); p++) sum += a[p];
    sums[first / b->block] = sum;
  }
}

// As `block_dot` wants it: for 4 bits and blocks of whole pairs of vectors, even and odd places apart, zeros at the end.
static const float *arranged(zoo_isa isa, const zoo_block_weights *b, const float *a, float *out) {
  const int64_t lanes = isa == ZOO_ISA_AVX512 ? 16 : isa == ZOO_ISA_AVX2 ? 8 : 4;
  if (b->bits != 4 || b->block % (2 * lanes) != 0 || b->block > MOST_BLOCKS) return a;
  for (int64_t first = 0; first < blocks_of(b) * b->block; first += 2 * lanes) {
    for (int64_t i = 0; i < 2 * lanes; i++) {
      const int64_t from = first + (i < lanes ? 2 * i : 2 * (i - lanes) + 1);
      out[first + i] = from < b->k ? a[from] : 0;
    }
  }
  return out;
}

void zoo_block_product(
    zoo_isa isa, const zoo_block_weights *b, int64_t m, const float *a, const float *bias, float *c,
    void *scratch, int max_threads) {
  product p = {.isa = isa, .b = b, .m = m, .a = a, .bias = bias, .c = c, .scratch = scratch};
  if (m == 0 || b->n == 0) return;
  if (m == 1 && !b->table && !b->group && blocks_of(b) <= MOST_BLOCKS) {
    float *sums = scratch;
    sum_blocks(b, a, sums);
    p.sums = sums;
    p.a = arranged(isa, b, a, sums + MOST_BLOCKS);
    zoo_parallel_for(b->n, 1 + (1 << 16) / (b->k + 1), max_threads, dots, &p);
    return;
  }
  const int64_t pieces = divide_up(b->n, TILE);
  p.slots = lesser(pieces, max_threads);
  p.stride = panel_bytes(b->k) + whole_lines(zoo_gemm_f32_packed_bytes(isa, b->k, lesser(b->n, TILE)));
  zoo_parallel_for(p.slots, 1, max_threads, tiles, &p);
}
