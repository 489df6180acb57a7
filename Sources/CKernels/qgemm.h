#pragma once
#include <stdint.h>

#include "zoo_qgemm.h"

/// A rectangle of C for a finishing kernel. All pointers are at its first row and column.
typedef struct {
  zoo_qout kind;
  int c_signed;
  const int32_t *row_terms;     // Σ of each row's bytes, as shifted for the kernel
  const int32_t *column_terms;  // Σ of each column's bytes
  const int32_t *row_zeros;     // zero points, shifted as the bytes were
  const int32_t *column_zeros;
  int32_t k;
  const int32_t *bias;
  int bias_per_row;
  const float *row_scales, *column_scales;
  zoo_epilogue epilogue;
  float divisor;  // c_scale
  int32_t zero;
  void *c;
  int64_t ldc;
} zoo_qtile_target;

/// What one instruction set brings. Bytes of A are unsigned, bytes of B signed, in groups along k: 4 bytes of A hold one
/// group of a row (4 × u8 or 2 × s16), `group` bytes of B one group of a column.
typedef struct {
  int max_rows, columns, group;
  /// tile[rows][columns] = Σ over `groups`; a: [groups][rows] words, b: [groups][columns][group].
  void (*tile)(int64_t groups, int rows, const int32_t *a, const int8_t *b, int32_t *tile);
  void (*finish)(const int32_t *tile, int rows, int columns, const zoo_qtile_target *target);
  /// The least and the greatest of x and 0.
  void (*range)(int64_t count, const float *x, float *low, float *high);
  /// y = round(x / scale) + zero, saturated to 0 ... 255; ties to even, NaN to 0.
  void (*quantize)(int64_t count, const float *x, float scale, float zero, uint8_t *y);
} zoo_qgemm_kernels;

/// The kernels of `isa`, with VNNI if the CPU has it.
const zoo_qgemm_kernels *zoo_qgemm_table(zoo_isa isa);

extern const zoo_qgemm_kernels zoo_qgemm_portable;
#if defined(__x86_64__)
extern const zoo_qgemm_kernels zoo_qgemm_avx2, zoo_qgemm_avx512, zoo_qgemm_vnni;
#elif defined(__aarch64__)
extern const zoo_qgemm_kernels zoo_qgemm_neon;
#endif
