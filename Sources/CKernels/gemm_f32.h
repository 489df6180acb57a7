#pragma once
#include <stdint.h>

#include "zoo_cpu.h"
#include "zoo_gemm.h"

/// A rectangle of C that a finishing kernel stores, with the epilogue's pointers moved to its first element.
typedef struct {
  float *c;
  int64_t ldc;
  float scale;  // what sums are multiplied by, before all else
  const float *bias, *residual;
  int64_t residual_ld;
  int bias_per_row;
  zoo_activation activation;
} zoo_tile_target;

/// What one instruction set brings to the f32 matrix product. C is cut into tiles of `rows` × `columns` (1 ... the
/// two maxima); a panel of A holds [k][rows], one of B holds [k][columns rounded up to whole vectors].
typedef struct {
  int max_rows, max_columns, vector;

  /// tile[rows][max_columns] (+)= panel of A · panel of B. `ldb`: floats from one k to the next in B; `lda`: from one
  /// row to the next in A if rows lie as they are, 0 for a panel.
  void (*tile)(
      int64_t k, int rows, int vectors, const float *a, int64_t lda, const float *b, int64_t ldb,
      float *tile, int accumulate);

  /// One row of A against `panels` full panels of B, `stride` floats apart: row[p · max_columns ...] (+)= a · panel p.
  void (*row)(
      int64_t k, int panels, const float *a, const float *b, int64_t stride, float *row,
      int accumulate);

  /// Σ a[i] · b[i], in an order that depends on k alone.
  float (*dot)(int64_t k, const float *a, const float *b);

  /// out[x] = Σ weights[t] · in[offsets[t] + x] over `taps`, for x up to `count` rounded up to whole vectors.
  void (*taps)(
      int taps, const int64_t *offsets, const float *weights, const float *in, int64_t count,
      float *out);

  /// target = epilogue(tile), `ld` floats from one row of the tile to the next.
  void (*finish)(
      const float *tile, int64_t ld, int64_t rows, int64_t columns, const zoo_tile_target *target);
} zoo_gemm_f32_kernels;

extern const zoo_gemm_f32_kernels zoo_gemm_f32_portable;
#if defined(__x86_64__)
extern const zoo_gemm_f32_kernels zoo_gemm_f32_avx2;
extern const zoo_gemm_f32_kernels zoo_gemm_f32_avx512;
#elif defined(__aarch64__)
extern const zoo_gemm_f32_kernels zoo_gemm_f32_neon;
#endif

/// The kernels of `isa`; the portable ones if this program was built without it.
const zoo_gemm_f32_kernels *zoo_gemm_f32_table(zoo_isa isa);

/// C as a whole; `m` × `n` tiles of it are computed by `zoo_gemm_f32_block`. Each side is either packed as a whole
/// (A: panels of `max_rows`, B: panels of `max_columns`, one after the other) or packed piece by piece by a function
/// that writes `panel[k][rows]`, `panel[k][width]` for k in first_k ..< first_k + k. Few columns do not repay packing:
/// then `rows_of_a` are read where they lie, `lda` floats apart.
typedef struct {
  const zoo_gemm_f32_kernels *kernels;
  int64_t m, n, k;
  const float *packed_a, *packed_b;
  const float *rows_of_a;
  int64_t lda;
  void (*pack_a)(
      const void *source, int64_t row, int rows, int64_t first_k, int64_t k, float *panel);
  void (*pack_b)(
      const void *source, int64_t column, int columns, int width, int64_t first_k, int64_t k,
      float *panel);
  const void *a_source, *b_source;
  zoo_tile_target target;
} zoo_gemm_f32_problem;

/// Rows that one call of `zoo_gemm_f32_block` may have when A is packed piece by piece.
int64_t zoo_gemm_f32_block_rows(const zoo_gemm_f32_kernels *kernels, int64_t k);

/// Computes and stores rows m0 ..< m1, columns n0 ..< n1 of C; m0 and n0 are multiples of the tile's extents.
void zoo_gemm_f32_block(
    const zoo_gemm_f32_problem *problem, int64_t m0, int64_t m1, int64_t n0, int64_t n1);

/// The whole of C, cut into blocks for up to `max_threads` threads.
void zoo_gemm_f32_solve(const zoo_gemm_f32_problem *problem, int max_threads);

/// The target that stands for all of C.
zoo_tile_target zoo_tile_target_of(
    float *c, int64_t ldc, float scale, const zoo_epilogue *epilogue);

/// panel[k][width] = a[row · ld + k] for `rows` rows; zeros in the other width − rows.
void zoo_gemm_f32_pack_rows(
    int64_t k, int rows, int width, const float *a, int64_t ld, float *panel);

/// panel[k][width] = a[k · ld + column] for `columns` columns; zeros in the other width − columns.
void zoo_gemm_f32_pack_columns(
    int64_t k, int columns, int width, const float *a, int64_t ld, float *panel);
