#pragma once
#include <stddef.h>
#include <stdint.h>

#include "zoo_cpu.h"
#include "zoo_gemm.h"

/// f32 matrix product with a right side of 4-bit integers in blocks, which stay 4-bit in memory:
/// C[m, n] = epilogue(A[m, k] · B[k, n]), B[p, j] = (code[p, j] − zero[b, j]) · scale[b, j] with b = p / block.

/// Where the pieces of B are. Nibble i of a byte array is bits 4·(i mod 2) … of byte i / 2.
typedef struct {
  int64_t k, n, block;             // elements along k that share a scale, a multiple of 2
  const uint8_t *codes;            // element (p, j): nibble p·row + j·column
  int64_t row, column;
  int is_signed;                   // codes and zero points are −8 … 7, else 0 … 15
  const float *scales;             // (b, j): element b·scale_row + j·scale_column
  int64_t scale_row, scale_column;
  const uint8_t *zeros;            // (b, j): nibble b·zero_row + j·zero_column; NULL: real_zeros
  const float *real_zeros;         // (b, j): element b·zero_row + j·zero_column; NULL: zero
  int64_t zero_row, zero_column;
  float zero;                      // one for all
} zoo_q4_weights;

/// Bytes that `zoo_q4_pack` fills; align them to 64.
size_t zoo_q4_packed_bytes(zoo_isa isa, int64_t k, int64_t n, int64_t block);
void zoo_q4_pack(zoo_isa isa, const zoo_q4_weights *weights, void *packed);

/// A is row-major. Results do not depend on the number of threads. `epilogue` may be NULL.
void zoo_q4_gemm_run(
    zoo_isa isa, int64_t m, int64_t n, int64_t k, int64_t block, const float *a, int64_t lda,
    const void *packed, float *c, int64_t ldc, const zoo_epilogue *epilogue, int max_threads);
