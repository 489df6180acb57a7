// Gathers the right side of a convolution's matrix product from the input, panel by panel, so that the unfolded input
// ("im2col") never exists as a whole.
#include <string.h>

#include "conv_f32.h"

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

static int64_t divide_up(int64_t a, int64_t b) { return a <= 0 ? 0 : (a + b - 1) / b; }

/// The part of a run that reads inside the input; the rest reads padding.
static int clip(
    const zoo_conv_shape *shape, const run *r, int64_t kz, int64_t ky, int64_t kx, piece *out) {
  const int64_t z = r->z * shape->stride[0] + kz * shape->dilation[0] - shape->pad[0];
  const int64_t y = r->y * shape->stride[1] + ky * shape->dilation[1] - shape->pad[1];
  if (z < 0 || z >= shape->input[0] || y < 0 || y >= shape->input[1]) return 0;
  const int64_t x = r->x * shape->stride[2] + kx * shape->dilation[2] - shape->pad[2];
  const int64_t first = divide_up(-x, shape->stride[2]);
  int64_t end = divide_up(shape->input[2] - x, shape->stride[2]);
  if (end > r->count) end = r->count;
  if (first >= end) return 0;
  const int64_t line = (z * shape->input[1] + y) * shape->input[2];
  *out = (piece){
      r->at + (int)first, (int)(end - first), line + x + first * shape->stride[2]};
  return 1;
}

typedef float v4 __attribute__((ext_vector_type(4), aligned(4), may_alias));

static inline void copy(float *to, const float *from, int count) {
  if (count < 4) {
    for (int i = 0; i < count; i++) to[i] = from[i];
    return;
  }
  for (int i = 0; i + 4 <= count; i += 4) *(v4 *)(to + i) = *(const v4 *)(from + i);
  *(v4 *)(to + count - 4) = *(const v4 *)(from + count - 4);
}

void zoo_conv_gather(
    const zoo_conv_shape *shape, const float *group, int64_t column, int columns, int width,
    int64_t first_k, int64_t k, float *panel) {
  const int64_t taps = conv_volume(shape->kernel), plane = conv_volume(shape->input);
  const int64_t stride = shape->stride[2];
  run runs[MAX_COLUMNS];
  piece pieces[MAX_COLUMNS];
  const int run_count = split(shape, column, columns, runs);
  for (int64_t tap = 0; tap < taps; tap++) {
    const int64_t kx = tap % shape->kernel[2], rest = tap / shape->kernel[2];
    const int64_t ky = rest % shape->kernel[1], kz = rest / shape->kernel[1];
    int count = 0, filled = 0;
    for (int i = 0; i < run_count; i++) {
      if (!clip(shape, &runs[i], kz, ky, kx, &pieces[count])) continue;
      filled += pieces[count++].count;
    }
    // The rows of this tap: one per channel, from the first at or after first_k.
    const int64_t skipped = divide_up(first_k - tap, taps);
    for (int64_t row = skipped * taps + tap; row < first_k + k; row += taps) {
      const float *from = group + row / taps * plane;
      float *to = panel + (row - first_k) * width;
      if (filled < width) memset(to, 0, (size_t)width * sizeof(float));
      for (int i = 0; i < count; i++) {
        const float *first = from + pieces[i].from;
        if (stride == 1) {
          copy(to + pieces[i].at, first, pieces[i].count);
        } else {
          for (int j = 0; j < pieces[i].count; j++) to[pieces[i].at + j] = first[j * stride];
        }
      }
    }
  }
}
