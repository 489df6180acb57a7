// Matrix products of f64 and of wide integers, for any strides. In C because it is one macro over five types, and
// because wrapping multiply-adds over rows become vector code here even in debug builds of the Swift side.
// The same to the bit on every processor: nothing becomes a fused multiply-add that is not written as one.
#pragma STDC FP_CONTRACT OFF

#include "zoo_matmul_any.h"

#define DEFINE(NAME, T, SUM)                                                                   \
  static void NAME(                                                                            \
      int64_t m, int64_t n, int64_t k, double alpha, zoo_matrix a, zoo_matrix b, double beta,  \
      zoo_matrix addend, void *result) {                                                       \
    const T *left = a.data, *right = b.data, *extra = addend.data;                             \
    for (int64_t i = 0; i < m; i++) {                                                          \
      T *row = (T *)result + i * n;                                                            \
      for (int64_t j = 0; j < n; j++) row[j] = 0;                                              \
      for (int64_t p = 0; p < k; p++) {                                                        \
        const SUM x = (SUM)left[i * a.row + p * a.column];                                     \
        const T *from = right + p * b.row;                                                     \
        if (b.column == 1) {                                                                   \
          for (int64_t j = 0; j < n; j++) row[j] = (T)((SUM)row[j] + x * (SUM)from[j]);        \
        } else {                                                                               \
          for (int64_t j = 0; j < n; j++) {                                                    \
            row[j] = (T)((SUM)row[j] + x * (SUM)from[j * b.column]);                           \
          }                                                                                    \
        }                                                                                      \
      }                                                                                        \
      for (int64_t j = 0; alpha != 1 && j < n; j++) row[j] = (T)(alpha * (double)row[j]);      \
      for (int64_t j = 0; extra && j < n; j++) {                                               \
        const T y = extra[i * addend.row + j * addend.column];                                 \
        row[j] = (T)((SUM)row[j] + (SUM)(beta == 1 ? y : (T)(beta * (double)y)));              \
      }                                                                                        \
    }                                                                                          \
  }

DEFINE(product_f64, double, double)
DEFINE(product_i32, int32_t, uint32_t)
DEFINE(product_u32, uint32_t, uint32_t)
DEFINE(product_i64, int64_t, uint64_t)
DEFINE(product_u64, uint64_t, uint64_t)

void zoo_matmul_any(
    zoo_number type, int64_t m, int64_t n, int64_t k, double alpha, zoo_matrix a, zoo_matrix b,
    double beta, zoo_matrix addend, void *c) {
  switch (type) {
  case ZOO_NUMBER_F64: product_f64(m, n, k, alpha, a, b, beta, addend, c); return;
  case ZOO_NUMBER_I32: product_i32(m, n, k, alpha, a, b, beta, addend, c); return;
  case ZOO_NUMBER_U32: product_u32(m, n, k, alpha, a, b, beta, addend, c); return;
  case ZOO_NUMBER_I64: product_i64(m, n, k, alpha, a, b, beta, addend, c); return;
  case ZOO_NUMBER_U64: product_u64(m, n, k, alpha, a, b, beta, addend, c); return;
  }
}
