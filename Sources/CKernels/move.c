// Moving elements between strided layouts: one loop nest serves transposes, slices, concatenations, expansions, tilings
// and space-to-depth. The innermost step copies a run, repeats an element, or transposes a matrix in tiles that stay in
// the first-level cache.
#include <string.h>

#include "include/zoo_move.h"

#include "transpose.h"

typedef struct {
  uint64_t words[2];
} byte_16;
typedef uint8_t byte_1;
typedef uint16_t byte_2;
typedef uint32_t byte_4;
typedef uint64_t byte_8;

// Rows of a matrix that are turned over together: a line of cache of the smallest elements.
enum { TILE = 64 };

TRANSPOSE(byte_1)
TRANSPOSE(byte_2)
TRANSPOSE(byte_4)
TRANSPOSE(byte_8)
static int transpose_byte_16_matrix(
    const byte_16 *x, int64_t x_column, byte_16 *y, int64_t y_row, int64_t rows, int64_t columns) {
  (void)x, (void)x_column, (void)y, (void)y_row, (void)rows, (void)columns;
  return 0;
}

int zoo_move_plan(zoo_move *plan, int rank, const int64_t *extents, const int64_t *in_strides,
                  const int64_t *out_strides, int64_t element_size) {
  *plan = (zoo_move){.element_size = element_size, .column_axis = -1, .items = 1};
  if (element_size < 1 || element_size > 16 || (element_size & (element_size - 1))) return 0;
  for (int k = 0; k < rank; k++) {
    if (extents[k] == 0) {
      plan->items = 0;
      return 1;
    }
    if (extents[k] == 1) continue;
    int last = plan->rank - 1;
    if (last >= 0 && plan->in_stride[last] == in_strides[k] * extents[k] &&
        plan->out_stride[last] == out_strides[k] * extents[k]) {
      plan->extent[last] *= extents[k];
    } else {
      if (plan->rank == ZOO_MOVE_RANK) return 0;
      plan->rank++;
      plan->extent[++last] = extents[k];
    }
    plan->in_stride[last] = in_strides[k];
    plan->out_stride[last] = out_strides[k];
  }
  int last = plan->rank - 1;
  if (last < 0) return 1;
  if (plan->in_stride[last] != 1 && plan->in_stride[last] != 0) {
    for (int k = 0; k < last; k++) {
      if (plan->in_stride[k] == 1) plan->column_axis = k;
    }
  }
  for (int k = 0; k < last; k++) {
    plan->items *= k == plan->column_axis ? (plan->extent[k] + TILE - 1) / TILE : plan->extent[k];
  }
  return 1;
}

#define MOVES(t)                                                                                          \
  static void fill_##t(void *py, const void *value, int64_t count) {                                      \
    t *y = (t *)py, v = *(const t *)value;                                                                \
    for (int64_t i = 0; i < count; i++) y[i] = v;                                                         \
  }                                                                                                       \
  static void line_##t(const void *px, int64_t x_stride, void *py, int64_t y_stride, int64_t count) {     \
    const t *x = (const t *)px;                                                                           \
    t *y = (t *)py;                                                                                       \
    if (y_stride == 1) {                                                                                  \
      for (int64_t i = 0; i < count; i++) y[i] = x[i * x_stride];                                         \
    } else {                                                                                              \
      for (int64_t i = 0; i < count; i++) y[i * y_stride] = x[i * x_stride];                              \
    }                                                                                                     \
  }                                                                                                       \
  static void matrix_##t(const void *px, int64_t x_stride, void *py, int64_t y_row, int64_t y_stride,     \
                         int64_t rows, int64_t columns) {                                                 \
    const t *x = (const t *)px;                                                                           \
    t *y = (t *)py;                                                                                       \
    if (y_stride == 1 && transpose_##t##_matrix(x, x_stride, y, y_row, rows, columns)) return;            \
    for (int64_t c0 = 0; c0 < columns; c0 += TILE) {                                                      \
      int64_t c1 = columns - c0 < TILE ? columns : c0 + TILE;                                             \
      for (int64_t r = 0; r < rows; r++) {                                                                \
        for (int64_t c = c0; c < c1; c++) y[r * y_row + c * y_stride] = x[r + c * x_stride];              \
      }                                                                                                   \
    }                                                                                                     \
  }
MOVES(byte_1)
MOVES(byte_2)
MOVES(byte_4)
MOVES(byte_8)
MOVES(byte_16)

#define BY_SIZE(size, name, ...)           \
  switch (size) {                          \
  case 1: name##_byte_1(__VA_ARGS__); break; \
  case 2: name##_byte_2(__VA_ARGS__); break; \
  case 4: name##_byte_4(__VA_ARGS__); break; \
  case 8: name##_byte_8(__VA_ARGS__); break; \
  default: name##_byte_16(__VA_ARGS__);      \
  }

void zoo_fill(void *y, const void *value, int64_t count, int64_t element_size) {
  BY_SIZE(element_size, fill, y, value, count)
}

// The innermost axis, and the matrix axis if there is one, at one position of all others.
static void innermost(const zoo_move *p, const char *x, char *y, int64_t rows) {
  int last = p->rank - 1;
  int64_t size = p->element_size, count = p->extent[last];
  int64_t in = p->in_stride[last], out = p->out_stride[last];
  if (p->column_axis >= 0) {
    BY_SIZE(size, matrix, x, in, y, p->out_stride[p->column_axis], out, rows, count)
  } else if (in == 1 && out == 1) {
    memcpy(y, x, (size_t)(count * size));
  } else if (in == 0 && out == 1) {
    zoo_fill(y, x, count, size);
  } else {
    BY_SIZE(size, line, x, in, y, out, count)
  }
}

void zoo_move_run(const zoo_move *p, const void *x, void *y, int64_t begin, int64_t end) {
  if (begin >= end) return;
  if (p->rank == 0) {
    memcpy(y, x, (size_t)p->element_size);
    return;
  }
  // One digit per outer axis; the matrix axis advances by whole tiles.
  int64_t digit[ZOO_MOVE_RANK], limit[ZOO_MOVE_RANK], in[ZOO_MOVE_RANK], out[ZOO_MOVE_RANK];
  int digits = p->rank - 1;
  const char *from = (const char *)x;
  char *to = (char *)y;
  int64_t rest = begin;
  for (int k = digits; k-- > 0;) {
    int64_t step = k == p->column_axis ? TILE : 1;
    limit[k] = (p->extent[k] + step - 1) / step;
    in[k] = p->in_stride[k] * step * p->element_size;
    out[k] = p->out_stride[k] * step * p->element_size;
    digit[k] = rest % limit[k];
    rest /= limit[k];
    from += digit[k] * in[k];
    to += digit[k] * out[k];
  }
  for (int64_t item = begin; item < end; item++) {
    int64_t rows = TILE;
    if (p->column_axis >= 0) {
      int64_t left = p->extent[p->column_axis] - digit[p->column_axis] * TILE;
      rows = left < TILE ? left : TILE;
    }
    innermost(p, from, to, rows);
    for (int k = digits; k-- > 0;) {
      from += in[k];
      to += out[k];
      if (++digit[k] < limit[k]) break;
      digit[k] = 0;
      from -= limit[k] * in[k];
      to -= limit[k] * out[k];
    }
  }
}

#define GATHER(t)                                                                                          \
  for (int64_t o = begin; o < end; o++) {                                                                  \
    const t *from = (const t *)x + o * axis;                                                               \
    t *to = (t *)y + o * count;                                                                            \
    for (int64_t i = 0; i < count; i++) to[i] = from[indices[i]];                                          \
  }

void zoo_gather_blocks(const void *x, void *y, const int64_t *indices, int64_t count, int64_t axis, int64_t block,
                       int64_t begin, int64_t end) {
  switch (block) {
  case 1: GATHER(byte_1) return;
  case 2: GATHER(byte_2) return;
  case 4: GATHER(byte_4) return;
  case 8: GATHER(byte_8) return;
  default: break;
  }
  for (int64_t o = begin; o < end; o++) {
    const char *from = (const char *)x + o * axis * block;
    char *to = (char *)y + o * count * block;
    for (int64_t i = 0; i < count; i++) memcpy(to + i * block, from + indices[i] * block, (size_t)block);
  }
}

void zoo_scatter_add_f32(const float *x, float *y, const int64_t *indices, int64_t outer, int64_t count, int64_t axis,
                         int64_t inner) {
  for (int64_t o = 0; o < outer; o++, y += axis * inner) {
    for (int64_t i = 0; i < count; i++, x += inner, indices += inner) {
      for (int64_t j = 0; j < inner; j++) y[indices[j] * inner + j] += x[j];
    }
  }
}
