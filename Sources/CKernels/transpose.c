// Permutations of axes. After neighbouring axes are merged, either the innermost axis stays innermost and whole runs are
// copied, or the innermost axes of operand and result differ and the two form a matrix that is transposed in tiles which
// stay in the first-level cache.
#include <string.h>

#include "include/zoo_transpose.h"

typedef struct {
  unsigned char bytes[16];
} wide;
typedef unsigned char byte_1;
typedef unsigned short byte_2;
typedef unsigned int byte_4;
typedef unsigned long long byte_8;
typedef wide byte_16;

enum { TILE = 32 };

static int is_known_size(size_t size) {
  return size == 1 || size == 2 || size == 4 || size == 8 || size == 16;
}

int zoo_transpose_plan(zoo_transpose *plan, int rank, const size_t *extents, const int *permutation,
                       size_t element_size) {
  *plan = (zoo_transpose){.element_size = element_size};
  if (!is_known_size(element_size)) return 0;
  int last_axis = -2;
  for (int k = 0; k < rank; k++) {
    int axis = permutation[k];
    size_t stride = 1;
    for (int later = axis + 1; later < rank; later++) stride *= extents[later];
    if (extents[axis] == 1) continue;
    int follows = plan->rank > 0;
    for (int between = last_axis + 1; follows && between < axis; between++) follows = extents[between] == 1;
    if (follows && axis > last_axis) {
      plan->extent[plan->rank - 1] *= extents[axis];
      plan->in_stride[plan->rank - 1] = stride;
    } else {
      if (plan->rank == 8) return 0;
      plan->extent[plan->rank] = extents[axis];
      plan->in_stride[plan->rank++] = stride;
    }
    last_axis = axis;
  }
  size_t stride = 1;
  for (int k = plan->rank; k-- > 0;) {
    plan->out_stride[k] = stride;
    stride *= plan->extent[k];
  }
  return 1;
}

size_t zoo_transpose_items(const zoo_transpose *plan) { return plan->rank ? plan->extent[0] : 1; }

// y[r · y_stride + c] = x[r + c · x_stride] for a matrix of rows × columns.
#define TRANSPOSE_MATRIX(t)                                                                              \
  static void matrix_##t(const char *px, size_t x_stride, char *py, size_t y_stride, size_t rows,        \
                         size_t columns) {                                                               \
    const t *x = (const t *)px;                                                                          \
    t *y = (t *)py;                                                                                      \
    for (size_t r0 = 0; r0 < rows; r0 += TILE) {                                                         \
      size_t r1 = rows - r0 < TILE ? rows : r0 + TILE;                                                   \
      for (size_t c0 = 0; c0 < columns; c0 += TILE) {                                                    \
        size_t c1 = columns - c0 < TILE ? columns : c0 + TILE;                                           \
        for (size_t r = r0; r < r1; r++) {                                                               \
          for (size_t c = c0; c < c1; c++) y[r * y_stride + c] = x[r + c * x_stride];                    \
        }                                                                                                \
      }                                                                                                  \
    }                                                                                                    \
  }
TRANSPOSE_MATRIX(byte_1)
TRANSPOSE_MATRIX(byte_2)
TRANSPOSE_MATRIX(byte_4)
TRANSPOSE_MATRIX(byte_8)
TRANSPOSE_MATRIX(byte_16)

static void matrix(size_t size, const char *x, size_t x_stride, char *y, size_t y_stride, size_t rows,
                   size_t columns) {
  switch (size) {
  case 1: matrix_byte_1(x, x_stride, y, y_stride, rows, columns); break;
  case 2: matrix_byte_2(x, x_stride, y, y_stride, rows, columns); break;
  case 4: matrix_byte_4(x, x_stride, y, y_stride, rows, columns); break;
  case 8: matrix_byte_8(x, x_stride, y, y_stride, rows, columns); break;
  default: matrix_byte_16(x, x_stride, y, y_stride, rows, columns);
  }
}

// The axis of the result along which the operand is contiguous.
static int contiguous_axis(const zoo_transpose *p) {
  for (int k = 0; k < p->rank; k++) {
    if (p->in_stride[k] == 1) return k;
  }
  return p->rank - 1;
}

typedef struct {
  size_t extent, in_stride, out_stride;
} loop_axis;

static void run_loops(const zoo_transpose *p, const loop_axis *loops, int depth, const char *x, char *y,
                      size_t rows, size_t row_stride) {
  size_t size = p->element_size;
  int last = p->rank - 1;
  if (depth > 0) {
    for (size_t i = 0; i < loops->extent; i++) {
      run_loops(p, loops + 1, depth - 1, x + i * loops->in_stride * size, y + i * loops->out_stride * size,
                rows, row_stride);
    }
  } else if (p->in_stride[last] == 1) {
    memcpy(y, x, p->extent[last] * size);
  } else {
    matrix(size, x, p->in_stride[last], y, row_stride, rows, p->extent[last]);
  }
}

void zoo_transpose_run(const zoo_transpose *p, const void *x, void *y, size_t begin, size_t end) {
  if (begin >= end) return;
  if (p->rank == 0) {
    memcpy(y, x, p->element_size);
    return;
  }
  zoo_transpose part = *p;
  part.extent[0] = end - begin;
  const char *from = (const char *)x + begin * p->in_stride[0] * p->element_size;
  char *to = (char *)y + begin * p->out_stride[0] * p->element_size;
  int inner = contiguous_axis(&part), last = part.rank - 1;
  loop_axis loops[8];
  int depth = 0;
  for (int k = 0; k < last; k++) {
    if (k != inner) loops[depth++] = (loop_axis){part.extent[k], part.in_stride[k], part.out_stride[k]};
  }
  run_loops(&part, loops, depth, from, to, part.extent[inner], part.out_stride[inner]);
}
