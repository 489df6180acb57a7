// Binary kernels along operands that are repeated.
//
// In C because a row may be three elements long: a call of a kernel for each costs ten times the arithmetic. Short
// rows are laid side by side first, so that one call has many.
#include <string.h>

#include "extents.h"
#include "zoo_math.h"

enum { SHORT_ROW = 64, PIECE = 512, WIDEST = 8 };

/// A row, and where its elements begin in both operands.
typedef struct {
  ptrdiff_t index[ZOO_BINARY_ROWS_AXES];
  ptrdiff_t at[2];
} place;

static place place_of(const zoo_binary_rows *p, ptrdiff_t row) {
  place place = {.at = {0, 0}};
  for (int axis = p->axes - 1; axis >= 0; axis--) {
    place.index[axis] = row % p->extents[axis];
    row /= p->extents[axis];
    for (int i = 0; i < 2; i++) place.at[i] += place.index[axis] * p->strides[i][axis];
  }
  return place;
}

/// Moves on by `rows`, which stay within the last axis.
static void advance(const zoo_binary_rows *p, place *place, ptrdiff_t rows) {
  for (int axis = p->axes - 1; axis >= 0; axis--, rows = 1) {
    place->index[axis] += rows;
    for (int i = 0; i < 2; i++) place->at[i] += rows * p->strides[i][axis];
    if (place->index[axis] < p->extents[axis]) return;
    place->index[axis] = 0;
    for (int i = 0; i < 2; i++) place->at[i] -= p->extents[axis] * p->strides[i][axis];
  }
}

#define LAY(T, NAME)                                                                          \
  typedef T NAME##_element __attribute__((may_alias));                                        \
  static void lay_##NAME(const void *from, ptrdiff_t stride, ptrdiff_t step, ptrdiff_t rows,  \
                         ptrdiff_t count, void *to) {                                         \
    const NAME##_element *x = from;                                                           \
    NAME##_element *y = to;                                                                   \
    for (; rows > 0; rows--, x += stride) {                                                   \
      for (ptrdiff_t i = 0; i < count; i++) *y++ = x[i * step];                               \
    }                                                                                         \
  }
LAY(uint8_t, u8)
LAY(uint16_t, u16)
LAY(uint32_t, u32)
LAY(uint64_t, u64)

/// to[rows][inner] = the elements of operand `i` in rows along the last outer axis.
static void lay(const zoo_binary_rows *p, int i, const place *place, ptrdiff_t rows, char *to) {
  const void *from = (const char *)p->operand[i] + place->at[i] * (ptrdiff_t)p->size;
  const ptrdiff_t stride = p->strides[i][p->axes - 1];
  switch (p->size) {
  case 1: lay_u8(from, stride, p->steps[i], rows, p->inner, to); break;
  case 2: lay_u16(from, stride, p->steps[i], rows, p->inner, to); break;
  case 4: lay_u32(from, stride, p->steps[i], rows, p->inner, to); break;
  default: lay_u64(from, stride, p->steps[i], rows, p->inner, to); break;
  }
}

/// Whether operand `i` has the shape of the result.
static int is_whole(const zoo_binary_rows *p, int i) {
  ptrdiff_t count = p->inner;
  if (p->steps[i] != 1) return 0;
  for (int axis = p->axes - 1; axis >= 0; axis--) {
    if (p->strides[i][axis] != count) return 0;
    count *= p->extents[axis];
  }
  return 1;
}

static void run_short(const zoo_binary_rows *p, zoo_binary_kernel kernel, ptrdiff_t begin, ptrdiff_t end) {
  char laid[2][PIECE * WIDEST] __attribute__((aligned(64)));
  const int whole[2] = {is_whole(p, 0), is_whole(p, 1)};
  const ptrdiff_t most = PIECE / p->inner, size = (ptrdiff_t)p->size;
  place place = place_of(p, begin);
  while (begin < end) {
    const void *from[2];
    const ptrdiff_t rows = lesser(most, end - begin);
    for (int i = 0; i < 2; i++) {
      from[i] = whole[i] ? (const char *)p->operand[i] + begin * p->inner * size : laid[i];
    }
    for (ptrdiff_t done = 0; done < rows;) {
      const ptrdiff_t some = lesser(rows - done, p->extents[p->axes - 1] - place.index[p->axes - 1]);
      for (int i = 0; i < 2; i++) {
        if (!whole[i]) lay(p, i, &place, some, laid[i] + done * p->inner * size);
      }
      advance(p, &place, some);
      done += some;
    }
    kernel(from[0], 1, from[1], 1, (char *)p->result + begin * p->inner * (ptrdiff_t)p->result_size,
           (size_t)(rows * p->inner));
    begin += rows;
  }
}

void zoo_binary_rows_run(const zoo_binary_rows *p, zoo_binary_kernel kernel, ptrdiff_t begin, ptrdiff_t end) {
  if (begin >= end || p->inner <= 0) return;
  if (p->inner < SHORT_ROW && p->axes > 0) {
    run_short(p, kernel, begin, end);
    return;
  }
  const ptrdiff_t size = (ptrdiff_t)p->size;
  place place = place_of(p, begin);
  for (; begin < end; begin++, advance(p, &place, 1)) {
    kernel((const char *)p->operand[0] + place.at[0] * size, p->steps[0],
           (const char *)p->operand[1] + place.at[1] * size, p->steps[1],
           (char *)p->result + begin * p->inner * (ptrdiff_t)p->result_size, (size_t)p->inner);
  }
}

void zoo_repeat_f32(const float *x, const ptrdiff_t *extents, const ptrdiff_t *strides, int axes, ptrdiff_t begin,
                    ptrdiff_t count, float *y) {
  ptrdiff_t index[ZOO_BINARY_ROWS_AXES], at = 0;
  for (int axis = axes - 1; axis >= 0; axis--) {
    index[axis] = begin % extents[axis];
    begin /= extents[axis];
    at += index[axis] * strides[axis];
  }
  const ptrdiff_t inner = extents[axes - 1], step = strides[axes - 1];
  while (count > 0) {
    const ptrdiff_t left = inner - index[axes - 1], n = left < count ? left : count;
    const float *from = x + at;
    for (ptrdiff_t i = 0; i < n; i++) y[i] = from[i * step];
    y += n;
    count -= n;
    at += n * step;
    index[axes - 1] += n;
    for (int axis = axes - 1; axis > 0 && index[axis] == extents[axis]; axis--) {
      index[axis] = 0;
      at += strides[axis - 1] - extents[axis] * strides[axis];
      index[axis - 1]++;
    }
  }
}
