#pragma once
#include "zoo_move.h"

#pragma clang assume_nonnull begin

/// z = condition ? x : y over broadcast operands, z row-major.
typedef struct {
  int rank;
  int64_t extent[ZOO_MOVE_RANK];
  int64_t stride[3][ZOO_MOVE_RANK];  // of condition, x and y, in elements; 0 where broadcast
  int64_t element_size;              // 1, 2, 4, 8 or 16 bytes
  int64_t items;                     // rows along the innermost axis
} zoo_select;

/// Plans a selection. Returns 0 when more than ZOO_MOVE_RANK axes are left after merging or the element size is none of
/// the above, and 1 otherwise.
int zoo_select_plan(zoo_select *plan, int rank, const int64_t *extents, const int64_t *condition_strides,
                    const int64_t *x_strides, const int64_t *y_strides, int64_t element_size);

/// Does rows `begin ..< end` of `plan->items`.
void zoo_select_run(const zoo_select *plan, const void *condition, const void *x, const void *y, void *z, int64_t begin,
                    int64_t end);

#pragma clang assume_nonnull end
