// Direct convolution of channel blocks. The output is cut into bands of rows and columns. The part of the input that a
// band reads is copied with its padding into scratch memory, columns sorted by their remainder modulo the stride, so
// that the tiles meet no borders and the pixels of a tile are neighbours; where that is so anyway, nothing is copied.
#include <string.h>

#include "blocked_units.h"
#include "thread_scratch.h"
#include "zoo_threads.h"

enum {
  BAND_FLOATS = 1 << 17,           // input of a band: 512 KB
  MOST_BAND_FLOATS = 1 << 20,      // where weights, read again for each band, are many: 4 MB
  MIN_STEPS_PER_THREAD = 1 << 17,  // multiply-adds that are worth another thread
  LANES = ZOO_CHANNEL_BLOCK,
  MOST_PIXELS = 16,                // of a tile of any instruction set
  MOST_BLOCKS = 2,
};

static int64_t lesser(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t greater(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

typedef struct {
  const zoo_blocked_conv *conv;
  zoo_blocked_units units;
  int planar, copies;
  int64_t step;                       // floats of an input pixel
  int64_t source_blocks;              // of all input channels
  int64_t height, width;              // of the input, as far as rows are told apart
  int64_t out_height, out_width;      // of the output, likewise
  int64_t rows, columns;              // of a band of the output
  int64_t bands_down, bands_across;
  int64_t row_stride, column_stride;  // copied rows from one output row to the next; 1 if only those are copied
  int64_t tap_rows;                   // copied rows from one tap to the next: rows that none reads are left out
  int64_t phases, part, row_floats;   // of a copied row
  int64_t block_floats;               // of a copied block
  int64_t offsets[64];                // of a row's taps
} job;

static int64_t copied_rows(const job *j, int64_t rows) {
  const zoo_conv_shape *shape = j->conv->shape;
  return (rows - 1) * j->row_stride + (shape->kernel[1] - 1) * j->tap_rows + 1;
}

/// Sets the extents of a copied row for bands of `columns` columns; returns the floats of a band of `rows` rows.
static int64_t measure(job *j, int64_t rows, int64_t columns) {
  const zoo_conv_shape *shape = j->conv->shape;
  const int64_t reach =
      (columns - 1) * j->column_stride + (shape->kernel[2] - 1) * shape->dilation[2] + 1;
  j->rows = rows;
  j->columns = columns;
  j->tap_rows = shape->dilation[1];
  if (j->copies) j->tap_rows = lesser(j->tap_rows, (rows - 1) * j->row_stride + 1);
  j->phases = j->column_stride;
  j->part = divide_up(reach, j->phases);
  j->row_floats = j->phases * j->part * j->step;
  j->block_floats = copied_rows(j, rows) * j->row_floats;
  return j->source_blocks * j->block_floats;
}

/// Copies what one output column's remainder needs of a row: `part` pixels from input column `column` on, `stride`
/// apart.
static void copy_phase(const job *j, const float *from, int64_t column, int64_t stride, float *to) {
  int64_t first = column < 0 ? divide_up(-column, stride) : 0;
  int64_t end = column < j->width ? divide_up(j->width - column, stride) : 0;
  first = lesser(first, j->part);
  end = greater(first, lesser(end, j->part));
  memset(to, 0, (size_t)(first * j->step) * sizeof(float));
  memset(to + end * j->step, 0, (size_t)((j->part - end) * j->step) * sizeof(float));
  from += (column + first * stride) * j->step;
  to += first * j->step;
  if (stride == 1) {
    memcpy(to, from, (size_t)((end - first) * j->step) * sizeof(float));
  } else if (j->planar) {
    j->conv->kernels->every(end - first, stride, from, to);
  } else {
    for (int64_t i = first; i < end; i++, from += stride * LANES, to += LANES) {
      memcpy(to, from, LANES * sizeof(float));
    }
  }
}

static void copy_band(const job *j, const float *image, int64_t y0, int64_t x0, float *scratch) {
  const zoo_conv_shape *shape = j->conv->shape;
  const int64_t rows = copied_rows(j, lesser(j->rows, j->out_height - y0));
  const int64_t gap = shape->dilation[1] - j->tap_rows;
  const int64_t skip = j->row_stride < shape->stride[1] ? shape->stride[1] : 1;
  const int64_t stride = shape->stride[2], left = x0 * stride - shape->pad[2];
  for (int64_t block = 0; block < j->source_blocks; block++) {
    const float *plane = image + block * j->height * j->width * j->step;
    for (int64_t r = 0; r < rows; r++) {
      float *to = scratch + block * j->block_floats + r * j->row_floats;
      const int64_t tap = gap > 0 ? r / j->tap_rows : 0;
      const int64_t y = y0 * shape->stride[1] - shape->pad[1] + r * skip + tap * gap;
      if (y < 0 || y >= j->height) {
        memset(to, 0, (size_t)j->row_floats * sizeof(float));
        continue;
      }
      for (int64_t phase = 0; phase < j->phases; phase++, to += j->part * j->step) {
        copy_phase(j, plane + y * j->width * j->step, left + phase, stride, to);
      }
    }
  }
}

/// Copies `count` ≤ 16 lanes of each pixel, and no others, which another thread may be writing: as two pieces of a fixed
/// size that overlap, for to copy a few bytes whose number is not known takes as long as to compute them.
static void copy_lanes(int pixels, int count, const float *from, float *to) {
#define COPY_PIECES(N) \
  for (int i = 0; i < pixels; i++) { \
    float first[N], last[N]; \
    memcpy(first, from + i * LANES, sizeof first); \
    memcpy(last, from + i * LANES + count - N, sizeof last); \
    memcpy(to + i * LANES, first, sizeof first); \
    memcpy(to + i * LANES + count - N, last, sizeof last); \
  }
  if (count >= 8) {
    COPY_PIECES(8)
  } else if (count >= 4) {
    COPY_PIECES(4)
  } else if (count >= 2) {
    COPY_PIECES(2)
  } else {
    COPY_PIECES(1)
  }
#undef COPY_PIECES
}

/// The first block lacks its first lanes, or the last one its last: the sums go by way of a buffer.
static void run_partial_tile(
    const job *j, int pixels, const zoo_blocked_unit *unit, const zoo_blocked_source *source,
    const zoo_blocked_target *target) {
  float whole[MOST_BLOCKS * MOST_PIXELS * LANES] __attribute__((aligned(64)));
  float residual[MOST_BLOCKS * MOST_PIXELS * LANES] __attribute__((aligned(64)));
  zoo_blocked_target buffer = *target;
  buffer.out = whole;
  buffer.block = MOST_PIXELS * LANES;
  for (int b = 0; target->residual && b < unit->blocks; b++) {
    memcpy(
        residual + b * buffer.block, target->residual + b * target->block,
        (size_t)(pixels * LANES) * sizeof(float));
    buffer.residual = residual;
  }
  j->conv->kernels->tile(pixels, unit->blocks, j->planar, source, &buffer);
  for (int b = 0; b < unit->blocks; b++) {
    const int first = b == 0 ? unit->first_lane : 0;
    const int end = (int)lesser(LANES, unit->end_lane - b * LANES);
    copy_lanes(
        pixels, end - first, whole + b * buffer.block + first,
        target->out + b * target->block + first);
  }
}

/// One row of a band: tiles of about the same width.
static void run_row(
    const job *j, const zoo_blocked_unit *unit, zoo_blocked_source source,
    zoo_blocked_target target, int64_t columns) {
  const zoo_blocked_kernels *kernels = j->conv->kernels;
  const int64_t tiles = divide_up(columns, kernels->max_pixels);
  const int64_t width = columns / tiles, wider = columns % tiles;
  for (int64_t i = 0; i < tiles; i++) {
    const int pixels = (int)(width + (i < wider));
    if (unit->end_lane - unit->first_lane < unit->blocks * LANES) {
      run_partial_tile(j, pixels, unit, &source, &target);
    } else {
      kernels->tile(pixels, unit->blocks, j->planar, &source, &target);
    }
    source.in += pixels * j->step;
    target.out += pixels * LANES;
    if (target.residual) target.residual += pixels * LANES;
  }
}

static void run_unit(
    const job *j, const zoo_blocked_unit *unit, int64_t image, int64_t y0, int64_t x0,
    const float *band) {
  const zoo_blocked_conv *conv = j->conv;
  const zoo_conv_shape *shape = conv->shape;
  const int64_t plane = j->out_height * j->out_width * LANES;
  const int64_t at = (image * blocks_of(shape->out_channels) + unit->block) * plane;
  zoo_blocked_source source = {
      .block = j->copies ? j->block_floats : j->height * j->width * j->step,
      .row = j->copies ? j->tap_rows * j->row_floats : shape->dilation[1] * j->width * j->step,
      .columns = j->offsets, .rows = (int)shape->kernel[1],
      .column_count = (int)shape->kernel[2], .channels = unit->channels,
      .first = (int)(unit->first_channel % j->step), .weights = conv->weights + unit->weights};
  const float *in = band + unit->first_channel / j->step * source.block + source.first;
  const int64_t rows = lesser(j->rows, j->out_height - y0);
  for (int64_t r = 0; r < rows; r++) {
    const int64_t place = at + ((y0 + r) * j->out_width + x0) * LANES;
    source.in = in + r * j->row_stride * (j->copies ? j->row_floats : j->width * j->step);
    run_row(
        j, unit, source, zoo_blocked_target_at(conv, place, unit->block, plane),
        lesser(j->columns, j->out_width - x0));
  }
}

static void run_items(void *context, int64_t begin, int64_t end) {
  const job *j = context;
  const int64_t bands = j->bands_down * j->bands_across;
  float *scratch = NULL;
  if (j->copies) {
    scratch = zoo_thread_scratch((size_t)(j->source_blocks * j->block_floats) * sizeof(float));
  }
  int64_t known = -1;
  for (int64_t i = begin; i < end; i++) {
    zoo_blocked_unit unit;
    if (!zoo_blocked_unit_at(&j->units, i % j->units.count, &unit)) continue;
    const int64_t place = i / j->units.count, image = place / bands;
    const int64_t y0 = place % bands / j->bands_across * j->rows;
    const int64_t x0 = place % j->bands_across * j->columns;
    const float *from =
        j->conv->input + image * j->source_blocks * j->height * j->width * j->step;
    if (!j->copies) {
      const int64_t y = y0 * j->conv->shape->stride[1];
      run_unit(j, &unit, image, y0, x0, from + (y * j->width + x0) * j->step);
      continue;
    }
    if (place != known) copy_band(j, from, y0, x0, scratch);
    known = place;
    run_unit(j, &unit, image, y0, x0, scratch);
  }
}

static int reaches_padding(const zoo_conv_shape *shape) {
  for (int axis = 1; axis < 3; axis++) {
    const int64_t reach = (shape->output[axis] - 1) * shape->stride[axis] +
                          (shape->kernel[axis] - 1) * shape->dilation[axis] + 1;
    if (shape->pad[axis] > 0 || reach > shape->input[axis]) return 1;
  }
  return 0;
}

static void set_geometry(job *j) {
  const zoo_conv_shape *shape = j->conv->shape;
  j->height = shape->input[1];
  j->width = shape->input[2];
  j->out_height = shape->output[1];
  j->out_width = shape->output[2];
  j->copies = shape->stride[2] > 1 || reaches_padding(shape);
  j->row_stride = j->copies && shape->kernel[1] == 1 ? 1 : shape->stride[1];
  j->column_stride = shape->kernel[2] == 1 ? 1 : shape->stride[2];
  const int is_plain = shape->kernel[1] == 1 && shape->kernel[2] == 1 && shape->stride[1] == 1;
  if (!j->copies && is_plain) {  // rows need not be told apart
    j->width = j->out_width = j->width * j->out_height;
    j->height = j->out_height = 1;
  }
}

/// The largest band that stays in the cache, or less, for each thread to get some.
static void choose_band(job *j, int64_t wanted) {
  const zoo_conv_shape *shape = j->conv->shape;
  const int64_t weights = j->units.count * j->units.floats;
  const int64_t most = greater(BAND_FLOATS, lesser(weights, MOST_BAND_FLOATS));
  int64_t columns = j->out_width, rows = 1;
  while (columns > 16 && measure(j, 1, columns) > most) columns = divide_up(columns, 2);
  while (rows < j->out_height && measure(j, rows + 1, columns) <= most) rows++;
  for (;;) {
    const int64_t bands = divide_up(j->out_height, rows) * divide_up(j->out_width, columns);
    if (shape->batch * bands * j->units.count >= wanted) break;
    if (rows > 4) {
      rows = divide_up(rows, 2);
    } else if (j->out_height == 1 && columns > 64) {
      columns = divide_up(columns, 2);
    } else {
      break;
    }
  }
  measure(j, rows, columns);
  j->bands_down = divide_up(j->out_height, rows);
  j->bands_across = divide_up(j->out_width, columns);
  for (int64_t x = 0; x < shape->kernel[2]; x++) {
    const int64_t column = x * shape->dilation[2], phases = j->copies ? j->phases : 1;
    j->offsets[x] = (column % phases * j->part + column / phases) * j->step;
  }
}

void zoo_blocked_direct_run(const zoo_blocked_conv *conv, int planar, int max_threads) {
  const zoo_conv_shape *shape = conv->shape;
  job j = {.conv = conv, .planar = planar, .units = zoo_blocked_units_of(conv->kernels, shape)};
  j.step = planar ? 1 : LANES;
  j.source_blocks = planar ? shape->in_channels : blocks_of(shape->in_channels);
  set_geometry(&j);
  int64_t threads = zoo_threads_available();
  if (max_threads > 0) threads = lesser(threads, max_threads);
  choose_band(&j, threads > 1 ? threads * 6 : 1);
  const int64_t steps = j.rows * j.columns * j.units.floats;
  zoo_parallel_for(
      shape->batch * j.bands_down * j.bands_across * j.units.count,
      greater(1, MIN_STEPS_PER_THREAD / greater(steps, 1)), max_threads, run_items, &j);
}
