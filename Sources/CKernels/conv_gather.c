// Gathers the right side of a convolution's matrix product from the input, panel by panel, so that the unfolded input
// ("im2col") never exists as a whole.
#include "conv_f32.h"
#include "extents.h"

enum { MAX_COLUMNS = 64 };

/// Output elements of one panel that lie in one row of the output.
typedef struct {
  int at, count;
  int64_t z, y, x;
} run;

/// What one tap reads for one run: `count` elements from `from` on, to `at` in the panel.
typedef struct {
  int at, count;
  int64_t from;
} piece;

static int split(const zoo_conv_shape *shape, int64_t column, int columns, run runs[MAX_COLUMNS]) {
  const int64_t row = shape->output[2];
  int count = 0;
  for (int at = 0; at < columns;) {
    const int64_t x = (column + at) % row, line = (column + at) / row;
    const int64_t left = row - x;
    const int length = left < columns - at ? (int)left : columns - at;
    runs[count++] = (run){at, length, line / shape->output[1], line % shape->output[1], x};
    at += length;
  }
  return count;
}

/// The part of a run that reads inside the input; the rest reads padding.
static int clip(
    const zoo_conv_shape *shape, const run *r, int64_t kz, int64_t ky, int64_t kx, piece *out) {
  const int64_t z = r->z * shape->stride[0] + kz * shape->dilation[0] - shape->pad[0];
  const int64_t y = r->y * shape->stride[1] + ky * shape->dilation[1] - shape->pad[1];
  if (z < 0 || z >= shape->input[0] || y < 0 || y >= shape->input[1]) return 0;
  const int64_t x = r->x * shape->stride[2] + kx * shape->dilation[2] - shape->pad[2];
  const int64_t first = greater(0, divide_up(-x, shape->stride[2]));
  int64_t end = greater(0, divide_up(shape->input[2] - x, shape->stride[2]));
  if (end > r->count) end = r->count;
  if (first >= end) return 0;
  const int64_t line = (z * shape->input[1] + y) * shape->input[2];
  *out = (piece){
      r->at + (int)first, (int)(end - first), line + x + first * shape->stride[2]};
  return 1;
}

#define JOIN2(a, b) a##b
#define JOIN(a, b) JOIN2(a, b)

#define T float
#define LANES 4
#define NAME zoo_conv_gather_f32
#include "conv_gather.inc"
#undef T
#undef LANES
#undef NAME
