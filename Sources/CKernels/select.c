// Selection between two broadcast operands, written so that the compiler vectorises rows whose operands lie side by side.
#include "include/zoo_select.h"

typedef struct {
  uint64_t words[2];
} byte_16;
typedef uint8_t byte_1;
typedef uint16_t byte_2;
typedef uint32_t byte_4;
typedef uint64_t byte_8;

int zoo_select_plan(zoo_select *p, int rank, const int64_t *extents, const int64_t *condition_strides,
                    const int64_t *x_strides, const int64_t *y_strides, int64_t element_size) {
  const int64_t *strides[3] = {condition_strides, x_strides, y_strides};
  *p = (zoo_select){.element_size = element_size, .items = 1};
  if (element_size < 1 || element_size > 16 || (element_size & (element_size - 1))) return 0;
  for (int k = 0; k < rank; k++) {
    if (extents[k] == 0) {
      p->items = 0;
      return 1;
    }
    if (extents[k] == 1) continue;
    int last = p->rank - 1, merges = last >= 0;
    for (int o = 0; merges && o < 3; o++) merges = p->stride[o][last] == strides[o][k] * extents[k];
    if (merges) {
      p->extent[last] *= extents[k];
    } else {
      if (p->rank == ZOO_MOVE_RANK) return 0;
      last = p->rank++;
      p->extent[last] = extents[k];
    }
    for (int o = 0; o < 3; o++) p->stride[o][last] = strides[o][k];
  }
  for (int k = 0; k < p->rank - 1; k++) p->items *= p->extent[k];
  return 1;
}

#define SELECT(t)                                                                                              \
  static void select_##t(const uint8_t *c, int64_t cs, const void *px, int64_t xs, const void *py, int64_t ys, \
                         void *pz, int64_t count) {                                                            \
    const t *x = (const t *)px, *y = (const t *)py;                                                            \
    t *z = (t *)pz;                                                                                            \
    if (cs == 1 && xs == 1 && ys == 1) {                                                                       \
      for (int64_t i = 0; i < count; i++) z[i] = c[i] ? x[i] : y[i];                                           \
    } else if (cs == 1 && xs == 0 && ys == 1) {                                                                \
      t v = *x;                                                                                                \
      for (int64_t i = 0; i < count; i++) z[i] = c[i] ? v : y[i];                                              \
    } else if (cs == 1 && xs == 1 && ys == 0) {                                                                \
      t v = *y;                                                                                                \
      for (int64_t i = 0; i < count; i++) z[i] = c[i] ? x[i] : v;                                              \
    } else {                                                                                                   \
      for (int64_t i = 0; i < count; i++) z[i] = c[i * cs] ? x[i * xs] : y[i * ys];                            \
    }                                                                                                          \
  }
SELECT(byte_1)
SELECT(byte_2)
SELECT(byte_4)
SELECT(byte_8)
SELECT(byte_16)

static void row(int64_t size, const uint8_t *c, int64_t cs, const char *x, int64_t xs, const char *y, int64_t ys,
                char *z, int64_t count) {
  switch (size) {
  case 1: select_byte_1(c, cs, x, xs, y, ys, z, count); break;
  case 2: select_byte_2(c, cs, x, xs, y, ys, z, count); break;
  case 4: select_byte_4(c, cs, x, xs, y, ys, z, count); break;
  case 8: select_byte_8(c, cs, x, xs, y, ys, z, count); break;
  default: select_byte_16(c, cs, x, xs, y, ys, z, count);
  }
}

void zoo_select_run(const zoo_select *p, const void *condition, const void *x, const void *y, void *z, int64_t begin,
                    int64_t end) {
  int last = p->rank - 1;
  int64_t count = last < 0 ? 1 : p->extent[last], size = p->element_size;
  for (int64_t item = begin; item < end; item++) {
    int64_t offset[3] = {0, 0, 0}, rest = item;
    for (int k = last; k-- > 0;) {
      int64_t digit = rest % p->extent[k];
      rest /= p->extent[k];
      for (int o = 0; o < 3; o++) offset[o] += digit * p->stride[o][k];
    }
    int64_t cs = last < 0 ? 0 : p->stride[0][last], xs = last < 0 ? 0 : p->stride[1][last];
    int64_t ys = last < 0 ? 0 : p->stride[2][last];
    row(size, (const uint8_t *)condition + offset[0], cs, (const char *)x + offset[1] * size, xs,
        (const char *)y + offset[2] * size, ys, (char *)z + item * count * size, count);
  }
}
