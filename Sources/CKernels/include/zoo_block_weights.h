#pragma once

#include <stddef.h>
#include <stdint.h>

#include "zoo_cpu.h"

/// A matrix B[n, k] whose rows are stored in codes of a few bits, in blocks along k that share a scale:
/// B[i, p] = (code − zero) · scale, or table[code] · scale.
typedef struct {
  const uint8_t *codes;     // each row begins with a byte, each block too; low bits first
  const float *scales;      // one per block
  const uint8_t *zeros;     // one code per block, packed, rows begin with a byte; NULL: 2^(bits − 1)
  const float *real_zeros;  // one per block, instead of `zeros`; may be NULL
  const int32_t *group;     // k numbers: the block whose scale and zero a column has; NULL: p / block
  const float *table;       // 16 values; elements and blocks then run on from row to row, high bits first
  int bits;                 // 2, 4, 8
  int64_t n, k, block;      // block: a power of two ≥ 16
} zoo_block_weights;

/// Scratch memory of `zoo_block_product` for `threads` threads.
size_t zoo_block_product_bytes(zoo_isa isa, int64_t n, int64_t k, int threads);

/// C[m, n] = A[m, k] · Bᵀ + bias (n numbers, or NULL). The weights are unpacked piece by piece, never as a whole.
void zoo_block_product(
    zoo_isa isa, const zoo_block_weights *b, int64_t m, const float *a, const float *bias, float *c,
    void *scratch, int max_threads);

/// Rows first ..< first + count of B, as k numbers each.
void zoo_block_rows(
    zoo_isa isa, const zoo_block_weights *b, int64_t first, int64_t count, float *rows);
