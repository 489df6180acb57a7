#pragma once

#include <stddef.h>

#pragma clang assume_nonnull begin

/// A permutation of axes, with neighbours merged and extents of 1 dropped. Make it once with `zoo_transpose_plan`.
typedef struct {
  int rank;  // 0 ... 8 after merging
  size_t extent[8];      // of the result, outermost first
  size_t in_stride[8];   // of the operand along the result's axes, in elements
  size_t out_stride[8];  // of the result, in elements
  size_t element_size;   // 1, 2, 4, 8 or 16 bytes
} zoo_transpose;

/// Plans y[i₀, i₁, …] = x with axis `permutation[k]` of x as axis k of y; `extents` are those of x, outermost first.
/// Returns 0 when the merged rank is above 8 or the element size is none of the above, and 1 otherwise.
int zoo_transpose_plan(zoo_transpose *plan, int rank, const size_t *extents, const int *permutation,
                       size_t element_size);

/// How many independent items the work splits into: the extent of the result's outermost merged axis, at least 1.
size_t zoo_transpose_items(const zoo_transpose *plan);

/// Does items `begin ..< end`. x and y must not overlap.
void zoo_transpose_run(const zoo_transpose *plan, const void *x, void *y, size_t begin, size_t end);

#pragma clang assume_nonnull end
