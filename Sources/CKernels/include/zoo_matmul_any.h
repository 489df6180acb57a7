#pragma once
#include <stdint.h>

/// The element types of `zoo_matmul_any`.
typedef enum {
  ZOO_NUMBER_F64,
  ZOO_NUMBER_I32,
  ZOO_NUMBER_U32,
  ZOO_NUMBER_I64,
  ZOO_NUMBER_U64,
} zoo_number;

/// A matrix of any strides, in elements; 0 repeats a row or a column.
typedef struct {
  const void *data;
  int64_t row, column;
} zoo_matrix;

/// C[m, n] = alpha · A[m, k] · B[k, n] + beta · addend, C row-major without gaps, for the types that have no kernel of
/// their own. Integers wrap; `alpha` and `beta` other than 1 scale them in f64, cut off. `addend.data` may be NULL.
void zoo_matmul_any(
    zoo_number type, int64_t m, int64_t n, int64_t k, double alpha, zoo_matrix a, zoo_matrix b,
    double beta, zoo_matrix addend, void *c);
