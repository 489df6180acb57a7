#include <string.h>

#include "gemm_f32.h"

typedef float v4 __attribute__((ext_vector_type(4)));
typedef float v4_unaligned __attribute__((ext_vector_type(4), aligned(4), may_alias));

/// Transposes four rows by four columns: 16 elements in 8 shuffles, where element-wise copies would cost more than
/// the multiplications of a narrow product.
static inline void transpose4(const float *a, int64_t ld, float *out, int64_t out_ld) {
  const v4 r0 = *(const v4_unaligned *)a, r1 = *(const v4_unaligned *)(a + ld);
  const v4 r2 = *(const v4_unaligned *)(a + 2 * ld), r3 = *(const v4_unaligned *)(a + 3 * ld);
  const v4 t0 = __builtin_shufflevector(r0, r1, 0, 4, 1, 5);
  const v4 t1 = __builtin_shufflevector(r2, r3, 0, 4, 1, 5);
  const v4 t2 = __builtin_shufflevector(r0, r1, 2, 6, 3, 7);
  const v4 t3 = __builtin_shufflevector(r2, r3, 2, 6, 3, 7);
  *(v4_unaligned *)out = __builtin_shufflevector(t0, t1, 0, 1, 4, 5);
  *(v4_unaligned *)(out + out_ld) = __builtin_shufflevector(t0, t1, 2, 3, 6, 7);
  *(v4_unaligned *)(out + 2 * out_ld) = __builtin_shufflevector(t2, t3, 0, 1, 4, 5);
  *(v4_unaligned *)(out + 3 * out_ld) = __builtin_shufflevector(t2, t3, 2, 3, 6, 7);
}

void zoo_gemm_f32_pack_rows(
    int64_t k, int rows, int width, const float *a, int64_t ld, float *panel) {
  int row = 0;
  for (; row + 4 <= rows; row += 4, a += 4 * ld) {
    int64_t p = 0;
    for (; p + 4 <= k; p += 4) transpose4(a + p, ld, panel + p * width + row, width);
    for (; p < k; p++) {
      for (int i = 0; i < 4; i++) panel[p * width + row + i] = a[i * ld + p];
    }
  }
  for (; row < rows; row++, a += ld) {
    for (int64_t p = 0; p < k; p++) panel[p * width + row] = a[p];
  }
  for (; row < width; row++) {
    for (int64_t p = 0; p < k; p++) panel[p * width + row] = 0;
  }
}

void zoo_gemm_f32_pack_columns(
    int64_t k, int columns, int width, const float *a, int64_t ld, float *panel) {
  if (columns == width && width % 4 == 0) {
    for (int64_t p = 0; p < k; p++, a += ld, panel += width) {
      for (int j = 0; j < width; j += 4) {
        *(v4_unaligned *)(panel + j) = *(const v4_unaligned *)(a + j);
      }
    }
    return;
  }
  for (int64_t p = 0; p < k; p++, a += ld, panel += width) {
    for (int j = 0; j < columns; j++) panel[j] = a[j];
    for (int j = columns; j < width; j++) panel[j] = 0;
  }
}
