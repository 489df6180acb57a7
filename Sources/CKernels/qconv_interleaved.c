// 8-bit convolution channel by channel, channels last, with an instruction for sums of four bytes.
//
// Of a panel of channels, the pixels of each input row are interleaved in fours, [channel][pixel], from every column on at
// which some output's taps begin. A row of up to four taps is then one instruction for 16 channels of one output,
// and interleaved rows serve all rows of taps that read them. Rows of taps outside the input are left out.
#include <string.h>

#include "conv_f32.h"
#include "extents.h"
#include "qgemm.h"
#include "thread_scratch.h"
#include "zoo_threads.h"

enum {
  FOUR = 4,                        // pixels of a vector
  MAX_LINES = 128,                 // rows of taps
  MAX_TAPS = 128,                  // fours of taps
  CHUNK = 60,                      // output columns at a time: interleaved rows stay in the cache
  MAX_STEP = 1 << 16,              // columns from one tap, or output, to the next
  MAX_SCRATCH = 1 << 22,           // bytes
  MIN_STEPS_PER_THREAD = 1 << 15,  // bytes to be multiplied that are worth another thread
};

static int64_t lines_of(const zoo_conv_shape *shape) { return shape->kernel[0] * shape->kernel[1]; }
static int64_t groups_of(const zoo_conv_shape *shape) { return divide_up(shape->kernel[2], FOUR); }

/// Columns from one interleaved place to the next.
static int64_t step_of(const zoo_conv_shape *shape) {
  const int is_regular = FOUR * shape->dilation[2] % shape->stride[2] == 0;
  return groups_of(shape) == 1 || is_regular ? shape->stride[2] : 1;
}

/// Interleaved places of a row that `columns` outputs read.
static int64_t places_of(const zoo_conv_shape *shape, int64_t columns) {
  const int64_t last = (columns - 1) * shape->stride[2] + (groups_of(shape) - 1) * FOUR * shape->dilation[2];
  return last / step_of(shape) + 1;
}

static int64_t place_bytes(const zoo_qgemm_kernels *kernels) { return kernels->columns * FOUR; }

static int64_t ring_bytes(const zoo_qgemm_kernels *kernels, const zoo_conv_shape *shape) {
  return lines_of(shape) * places_of(shape, lesser(CHUNK, shape->output[2])) * place_bytes(kernels);
}

int zoo_qconv_is_interleaved(const zoo_qgemm_kernels *kernels, const zoo_conv_shape *shape) {
  return kernels->interleaved_tile != NULL && shape->stride[2] <= MAX_STEP &&
         shape->dilation[2] <= MAX_STEP && lines_of(shape) <= MAX_LINES &&
         lines_of(shape) * groups_of(shape) <= MAX_TAPS &&
         lines_of(shape) * places_of(shape, CHUNK) * place_bytes(kernels) <= MAX_SCRATCH;
}

/// Bytes of a line of taps of a panel: sums[columns] over its weights, then those, [four][columns][4].
static int64_t line_bytes(const zoo_qgemm_kernels *kernels, const zoo_conv_shape *shape) {
  return (1 + groups_of(shape)) * place_bytes(kernels);
}

size_t zoo_qconv_interleaved_bytes(const zoo_qgemm_kernels *kernels, const zoo_conv_shape *shape) {
  const int64_t panels = divide_up(shape->out_channels, kernels->columns);
  return (size_t)(panels * lines_of(shape) * line_bytes(kernels, shape));
}

static int64_t line_at(
    const zoo_qgemm_kernels *kernels, const zoo_conv_shape *shape, int64_t panel, int64_t line) {
  return (panel * lines_of(shape) + line) * line_bytes(kernels, shape);
}

static int64_t weight_at(
    const zoo_qgemm_kernels *kernels, const zoo_conv_shape *shape, int64_t channel, int64_t tap) {
  const int64_t place = channel % kernels->columns, x = tap % shape->kernel[2];
  return line_at(kernels, shape, channel / kernels->columns, tap / shape->kernel[2]) +
         (1 + x / FOUR) * place_bytes(kernels) + place * FOUR + x % FOUR;
}

int32_t zoo_qconv_interleaved_weight(
    const zoo_qgemm_kernels *kernels, const zoo_conv_shape *shape, const void *packed,
    int64_t channel, int64_t tap) {
  return ((const int8_t *)packed)[weight_at(kernels, shape, channel, tap)];
}

void zoo_qconv_interleaved_set(
    const zoo_qgemm_kernels *kernels, const zoo_conv_shape *shape, void *packed, int64_t channel,
    int64_t tap, int8_t weight) {
  const int64_t columns = kernels->columns;
  int8_t *line =
      (int8_t *)packed + line_at(kernels, shape, channel / columns, tap / shape->kernel[2]);
  ((int32_t *)line)[channel % columns] += weight;
  ((int8_t *)packed)[weight_at(kernels, shape, channel, tap)] = weight;
}

typedef struct {
  const zoo_qproduct *product;
  const zoo_conv_shape *shape;
  zoo_qtarget target;
  const int32_t *sums;
  const int8_t *weights;
  const uint8_t *input, *end;
  uint8_t zero;
  int64_t panels, rows, bands;  // output rows of a band, bands of an image
  int64_t lines, groups, step;  // see the functions of these names
  int64_t place_bytes, line_bytes, group_bytes;
} job;

/// What a panel's outputs share.
typedef struct {
  int64_t first;  // channel
  int channels;
  zoo_qcolumns columns;
  const int8_t *lines;          // sums and weights
  uint8_t *ring;                // [line of taps][place][columns][4]
  int64_t row_bytes;
  int64_t held[MAX_LINES];      // the input row that each line of the ring holds; -1: none
  int32_t row_offsets[ZOO_QGEMM_MAX_COLUMNS];
  zoo_qtap taps[MAX_TAPS];
} panel;

/// `row` modulo the rows of a ring; rows before the first count down.
static int64_t place_in(int64_t ring, int64_t row) {
  const int64_t place = row % ring;
  return place < 0 ? place + ring : place;
}

/// Interleaves the places of an input row that outputs from column `x0` on read.
static void interleave_row(
    const job *j, const panel *p, const uint8_t *row, int64_t x0, int64_t places, uint8_t *to) {
  const zoo_conv_shape *shape = j->shape;
  const zoo_qgemm_kernels *kernels = j->product->kernels;
  const int64_t step = j->step, apart = shape->dilation[2], width = shape->input[2];
  const int64_t channels = shape->in_channels, bytes = j->place_bytes;
  const int64_t left = x0 * shape->stride[2] - shape->pad[2];
  // Places from `begin` to `end` are read where they are: they lie within the row, or what is read behind it has weights
  // of 0 and is no less readable.
  const int64_t taps = j->groups == 1 ? shape->kernel[2] : FOUR;
  const int is_last = row + (width + (FOUR - taps) * apart) * channels > j->end;
  const int64_t room = width - ((is_last ? FOUR : taps) - 1) * apart - left;
  const int64_t begin = lesser(left < 0 ? divide_up(-left, step) : 0, places);
  const int64_t end = greater(begin, lesser(room > 0 ? divide_up(room, step) : 0, places));
  for (int64_t i = 0; i < places; i = i + 1 == begin ? end : i + 1) {
    if (i >= begin && i < end) continue;
    uint8_t pixels[FOUR * ZOO_QGEMM_MAX_COLUMNS];
    for (int64_t n = 0; n < FOUR; n++) {
      const int64_t x = left + i * step + n * apart;
      uint8_t *pixel = pixels + n * ZOO_QGEMM_MAX_COLUMNS;
      if (x < 0 || x >= width) {
        memset(pixel, j->zero, ZOO_QGEMM_MAX_COLUMNS);
      } else if (p->channels == ZOO_QGEMM_MAX_COLUMNS) {
        memcpy(pixel, row + x * channels, ZOO_QGEMM_MAX_COLUMNS);
      } else {
        memcpy(pixel, row + x * channels, (size_t)p->channels);
      }
    }
    kernels->interleave(1, pixels, 0, ZOO_QGEMM_MAX_COLUMNS, p->channels, to + i * bytes);
  }
  if (begin < end) {
    kernels->interleave(
        end - begin, row + (left + begin * step) * channels, step * channels, apart * channels,
        p->channels, to + begin * bytes);
  }
}

/// Where row `source` of the input lies interleaved, for which the ring has place `slot`.
static const uint8_t *interleaved_row(
    const job *j, panel *p, const uint8_t *image, int64_t source, int64_t slot, int64_t x0,
    int64_t places) {
  uint8_t *to = p->ring + slot * p->row_bytes;
  if (p->held[slot] != source) {
    const int64_t row = source * j->shape->input[2] * j->shape->in_channels;
    interleave_row(j, p, image + row + p->first, x0, places, to);
    p->held[slot] = source;
  }
  return to;
}

static void leave_out(panel *p, const int8_t *line, uint8_t zero) {
  // Padding is the zero point: what the offsets take off for it was not added.
  const uint32_t *sums = (const uint32_t *)line;
  for (int c = 0; c < ZOO_QGEMM_MAX_COLUMNS; c++) {
    p->row_offsets[c] = (int32_t)((uint32_t)p->row_offsets[c] + sums[c] * zero);
  }
}

/// Finds the taps of an output row, whose offsets become those without the rows of taps outside; returns their number.
static int find_taps(
    const job *j, panel *p, const uint8_t *image, int64_t row, int64_t x0, int64_t places) {
  const zoo_conv_shape *shape = j->shape;
  const int64_t high = shape->kernel[1];
  const int64_t z0 = row / shape->output[1] * shape->stride[0] - shape->pad[0];
  const int64_t y0 = row % shape->output[1] * shape->stride[1] - shape->pad[1];
  // Rows that lie densely keep their place in the ring while they are read by one line of taps after the other.
  const int is_dense = shape->dilation[0] == 1 && shape->dilation[1] == 1;
  const int64_t v0 = is_dense ? place_in(shape->kernel[0], z0) : 0;
  const int64_t u0 = is_dense ? place_in(high, y0) : 0;
  const int8_t *line = p->lines;
  int count = 0;
  memcpy(p->row_offsets, p->columns.offsets, sizeof p->row_offsets);
  for (int64_t v = 0; v < shape->kernel[0]; v++) {
    const int64_t z = z0 + v * shape->dilation[0];
    const int64_t slot_z = v0 + v < shape->kernel[0] ? v0 + v : v0 + v - shape->kernel[0];
    for (int64_t u = 0; u < high; u++, line += j->line_bytes) {
      const int64_t y = y0 + u * shape->dilation[1];
      if (z < 0 || z >= shape->input[0] || y < 0 || y >= shape->input[1]) {
        leave_out(p, line, j->zero);
        continue;
      }
      const int64_t slot = slot_z * high + (u0 + u < high ? u0 + u : u0 + u - high);
      const uint8_t *pixels =
          interleaved_row(j, p, image, z * shape->input[1] + y, slot, x0, places);
      for (int64_t g = 0; g < j->groups; g++) {
        p->taps[count++] = (zoo_qtap){
            pixels + g * j->group_bytes, line + (1 + g) * j->place_bytes};
      }
    }
  }
  return count;
}

/// The sums of an output row, [columns][columns of a tile].
static void add_taps(const job *j, panel *p, int taps, int64_t columns, int32_t *sums) {
  const zoo_qgemm_kernels *kernels = j->product->kernels;
  const int64_t step = j->shape->stride[2] / j->step * j->place_bytes;
  const int64_t tiles = divide_up(columns, kernels->max_rows);
  for (int64_t i = 0; i < tiles; i++) {
    const int rows = (int)(columns / tiles + (i < columns % tiles));
    kernels->interleaved_tile(rows, p->channels, taps, p->taps, step, p->row_offsets, sums);
    for (int t = 0; i + 1 < tiles && t < taps; t++) p->taps[t].pixels += rows * step;
    sums += rows * kernels->columns;
  }
}

/// Output elements `first` ..< `first` + `columns` of a row.
static void run_row(const job *j, panel *p, int taps, int64_t first, int64_t columns) {
  const zoo_qproduct *product = j->product;
  const int64_t size = j->target.kind <= ZOO_QOUT_F32 ? 4 : 1;
  const int64_t at = first * product->ldc + p->first;
  int32_t sums[CHUNK * ZOO_QGEMM_MAX_COLUMNS] __attribute__((aligned(64)));
  add_taps(j, p, taps, columns, sums);
  zoo_qtile_target target = {
      .target = &j->target, .is_moderate = p->columns.is_moderate,
      .column_scales = p->columns.scales, .c = (char *)product->c + at * size, .ldc = product->ldc};
  if (j->target.epilogue.bias) target.bias = p->columns.bias;
  if (j->target.residual) {
    target.residual_bytes = (const uint8_t *)j->target.residual + at;
  } else if (j->target.epilogue.residual) {
    target.residual = j->target.epilogue.residual + at;
  }
  product->kernels->finish(sums, (int)columns, p->channels, &target);
}

/// Rows `begin` ..< `end` of an image.
static void run_band(const job *j, panel *p, int64_t image, int64_t begin, int64_t end) {
  const zoo_conv_shape *shape = j->shape;
  const uint8_t *from = j->input + image * conv_volume(shape->input) * shape->in_channels;
  const int64_t width = shape->output[2], rows = shape->output[0] * shape->output[1];
  for (int64_t x0 = 0; x0 < width; x0 += CHUNK) {
    const int64_t columns = lesser(CHUNK, width - x0), places = places_of(shape, columns);
    for (int64_t line = 0; line < j->lines; line++) p->held[line] = -1;
    for (int64_t row = begin; row < end; row++) {
      const int taps = find_taps(j, p, from, row, x0, places);
      run_row(j, p, taps, (image * rows + row) * width + x0, columns);
    }
  }
}

static void run_items(void *context, int64_t begin, int64_t end) {
  const job *j = context;
  const zoo_conv_shape *shape = j->shape;
  const zoo_qgemm_kernels *kernels = j->product->kernels;
  const int64_t rows = shape->output[0] * shape->output[1];
  const size_t ring = (size_t)ring_bytes(kernels, shape);
  panel p;
  int32_t offsets[ZOO_QGEMM_MAX_COLUMNS], zeros[ZOO_QGEMM_MAX_COLUMNS];
  float scales[ZOO_QGEMM_MAX_COLUMNS], bias[ZOO_QGEMM_MAX_COLUMNS];
  p.ring = zoo_thread_scratch(ring);
  p.row_bytes = (int64_t)ring / j->lines;
  for (int64_t i = begin; i < end; i++) {
    const int64_t place = i / j->panels, row = place % j->bands * j->rows;
    p.first = i % j->panels * kernels->columns;
    p.channels = (int)lesser(kernels->columns, shape->out_channels - p.first);
    p.columns = (zoo_qcolumns){offsets, zeros, scales, bias, 0};
    p.lines = j->weights + line_at(kernels, shape, i % j->panels, 0);
    memset(offsets, 0, sizeof offsets);
    memset(scales, 0, sizeof scales);
    memset(bias, 0, sizeof bias);
    zoo_qcolumns_set(j->product, &j->target, p.first, p.channels, j->sums + p.first, &p.columns);
    run_band(j, &p, place / j->bands, row, lesser(row + j->rows, rows));
  }
}

void zoo_qconv_interleaved_run(
    const zoo_qproduct *product, const zoo_conv_shape *shape, const int32_t *sums,
    const int8_t *weights, const uint8_t *input, uint8_t zero, int max_threads) {
  const int64_t rows = shape->output[0] * shape->output[1];
  job j = {
      .product = product, .shape = shape, .target = zoo_qtarget_completed(product->target), .sums = sums,
      .weights = weights, .input = input,
      .end = input + shape->batch * conv_volume(shape->input) * shape->in_channels, .zero = zero, .rows = rows,
      .panels = divide_up(shape->out_channels, product->kernels->columns), .lines = lines_of(shape),
      .groups = groups_of(shape), .step = step_of(shape), .place_bytes = place_bytes(product->kernels),
      .line_bytes = line_bytes(product->kernels, shape)};
  j.group_bytes = FOUR * shape->dilation[2] / j.step * j.place_bytes;
  int64_t threads = zoo_threads_available();
  if (max_threads > 0) threads = lesser(threads, max_threads);
  // Rows of the input that lie between two bands are interleaved for both.
  const int64_t wanted = threads > 1 ? divide_up(threads * 4, j.panels * shape->batch) : 1;
  j.rows = greater(divide_up(rows, wanted), lesser(rows, 4));
  j.bands = divide_up(rows, j.rows);
  const int64_t steps = j.rows * shape->output[2] * j.lines * j.groups * j.place_bytes;
  zoo_parallel_for(
      shape->batch * j.bands * j.panels, greater(1, MIN_STEPS_PER_THREAD * 8 / greater(steps, 1)),
      max_threads, run_items, &j);
}
