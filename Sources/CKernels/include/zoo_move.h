#pragma once
#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

enum { ZOO_MOVE_RANK = 16 };

/// Moving a box of elements from one strided layout to another: y[Σ iₖ·out_strideₖ] = x[Σ iₖ·in_strideₖ] for all indices
/// within the extents. Axes of extent 1 are dropped and axes that follow each other in both layouts are merged.
typedef struct {
  int rank;
  int64_t extent[ZOO_MOVE_RANK];
  int64_t in_stride[ZOO_MOVE_RANK];   // in elements; 0 repeats, negative goes backwards
  int64_t out_stride[ZOO_MOVE_RANK];  // in elements
  int64_t element_size;               // 1, 2, 4, 8 or 16 bytes
  int column_axis;                    // of the matrix that is transposed in tiles, or -1
  int64_t items;                      // how many pieces the work splits into
} zoo_move;

/// Plans a move. Returns 0 when more than ZOO_MOVE_RANK axes are left after merging or the element size is none of the
/// above, and 1 otherwise.
int zoo_move_plan(zoo_move *plan, int rank, const int64_t *extents, const int64_t *in_strides,
                  const int64_t *out_strides, int64_t element_size);

/// Does items `begin ..< end` of `plan->items`. x and y point at the elements of index 0 and must not overlap.
void zoo_move_run(const zoo_move *plan, const void *x, void *y, int64_t begin, int64_t end);

/// Writes `count` copies of the element at `value`, of 1, 2, 4, 8 or 16 bytes.
void zoo_fill(void *y, const void *value, int64_t count, int64_t element_size);

/// y[o, i, :] = x[o, indices[i], :] for o in begin ..< end: blocks of `block` bytes, `axis` of them per o in x and `count`
/// in y. The indices must be within 0 ..< axis.
void zoo_gather_blocks(const void *x, void *y, const int64_t *indices, int64_t count, int64_t axis, int64_t block,
                       int64_t begin, int64_t end);

/// y[o, indices[o, i, j], j] += x[o, i, j], in the order of i: `count` updates of `inner` elements per o, `axis` rows of
/// them in y. The indices must be within 0 ..< axis.
void zoo_scatter_add_f32(const float *x, float *y, const int64_t *indices, int64_t outer, int64_t count, int64_t axis,
                         int64_t inner);

#pragma clang assume_nonnull end
