// 3 × 3 convolution of channel blocks by Winograd's F(4 × 4, 3 × 3): patches of 6 × 6 pixels and the weights are
// transformed, so that 36 products of matrices give what 144 would.
//
// Output tiles are taken some at a time: their patches are transformed for all input channels, then each unit of output
// channels is multiplied and transformed back. The weights are those of the direct form. They are transformed at every
// run, for some input channels at a time, so that the result is still in the cache where it is multiplied: transformed
// weights are four times as many, and to read those from memory takes longer than to make them.
#include <string.h>

#include "blocked_units.h"
#include "thread_scratch.h"
#include "zoo_threads.h"

enum {
  LANES = ZOO_CHANNEL_BLOCK,
  NUMBERS = 36,
  CHUNK_FLOATS = 1 << 17,    // transformed patches, half a megabyte, if those are MIN_TILES
  MIN_TILES = 56,            // fewer are not worth transforming the weights again
  MAX_TILES = 112,
  CHANNELS = 128,            // whose weights are transformed at a time
};

static int64_t lesser(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t greater(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

typedef struct {
  const zoo_blocked_conv *conv;
  int64_t high, wide, tiles;  // tiles of an image
  int64_t chunk, chunks;      // tiles taken at a time
  int64_t parts;              // into which the units of a chunk are divided
  zoo_blocked_units units;
  int64_t apart;              // floats from one number of the transformed weights to the next
} job;

/// numbers[36][block][tile][16]
static void transform_patches(
    const job *j, const float *image, int64_t first, int64_t count, float *numbers) {
  const zoo_conv_shape *shape = j->conv->shape;
  const int64_t height = shape->input[1], width = shape->input[2];
  const int64_t blocks = blocks_of(shape->in_channels);
  const int64_t apart = blocks * count * LANES;
  float edge[NUMBERS * LANES] __attribute__((aligned(64)));
  for (int64_t i = 0; i < count; i++) {
    const int64_t y0 = (first + i) / j->wide * 4 - shape->pad[1];
    const int64_t x0 = (first + i) % j->wide * 4 - shape->pad[2];
    const int64_t left = greater(0, -x0), right = lesser(6, width - x0);
    const int is_inside = y0 >= 0 && y0 + 6 <= height && left == 0 && right == 6;
    for (int64_t block = 0; block < blocks; block++) {
      const float *patch = image + ((block * height + y0) * width + x0) * LANES;
      float *to = numbers + (block * count + i) * LANES;
      if (is_inside) {
        j->conv->kernels->winograd_in(patch, width * LANES, to, apart);
        continue;
      }
      memset(edge, 0, sizeof edge);
      for (int64_t y = greater(0, -y0); y < lesser(6, height - y0); y++) {
        if (right <= left) break;
        memcpy(
            edge + (y * 6 + left) * LANES, patch + (y * width + left) * LANES,
            (size_t)((right - left) * LANES) * sizeof(float));
      }
      j->conv->kernels->winograd_in(edge, 6 * LANES, to, apart);
    }
  }
}

/// numbers[36][channel][output channels of the unit] of `channels` channels, from a block's first on.
static void transform_weights(
    const job *j, int64_t channels, int64_t width, const float *weights, float *numbers) {
  for (int64_t done = 0; done < channels; done += LANES) {
    const int64_t count = lesser(LANES, channels - done) * width;
    j->conv->kernels->winograd_weights(
        count, weights + done * 9 * width, numbers + done * width, j->apart);
  }
}

/// Adds to products[36][block][tile][16] what `channels` input channels give, or stores it if they are the first.
static void multiply(
    const job *j, int blocks, int64_t count, int64_t first, int64_t channels, const float *weights,
    const float *numbers, float *products) {
  const zoo_blocked_kernels *kernels = j->conv->kernels;
  const int64_t in_blocks = blocks_of(j->conv->shape->in_channels), zero = 0;
  const int64_t steps = divide_up(count, kernels->max_pixels);
  zoo_blocked_source source = {
      .block = count * LANES, .columns = &zero, .rows = 1, .column_count = 1, .channels = channels};
  zoo_blocked_target target = {.block = count * LANES};
  for (int n = 0; n < NUMBERS; n++) {
    source.weights = weights + n * j->apart;
    for (int64_t i = 0, tile = 0; i < steps; i++) {
      const int64_t pixels = count / steps + (i < count % steps);
      source.in = numbers + ((n * in_blocks + first / LANES) * count + tile) * LANES;
      target.out = products + (n * blocks * count + tile) * LANES;
      if (first > 0) target.residual = target.out;
      kernels->tile((int)pixels, blocks, 0, &source, &target);
      tile += pixels;
    }
  }
}

static void transform_back(
    const job *j, int64_t image, int64_t block, int64_t blocks, int64_t first, int64_t count,
    const float *products) {
  const zoo_blocked_conv *conv = j->conv;
  const zoo_conv_shape *shape = conv->shape;
  const int64_t height = shape->output[1], width = shape->output[2];
  const int64_t plane = (image * blocks_of(shape->out_channels) + block) * height * width;
  for (int64_t i = 0; i < count; i++) {
    const int64_t y = (first + i) / j->wide * 4, x = (first + i) % j->wide * 4;
    const int64_t at = (plane + y * width + x) * LANES;
    const zoo_blocked_target target = zoo_blocked_target_at(conv, at, block, 0);
    conv->kernels->winograd_out(
        products + i * LANES, blocks * count * LANES, (int)lesser(4, height - y),
        (int)lesser(4, width - x), width * LANES, &target);
  }
}

/// One unit of output channels for the tiles whose patches have been transformed; `products` and `transformed` are scratch
/// memory.
static void run_unit(
    const job *j, int64_t index, int64_t image, int64_t first, int64_t count, const float *numbers,
    float *products, float *transformed) {
  zoo_blocked_unit unit;
  if (!zoo_blocked_unit_at(&j->units, index, &unit)) return;
  const float *weights = j->conv->weights + unit.weights;
  const int64_t width = unit.blocks * LANES;
  for (int64_t done = 0; done < unit.channels; done += CHANNELS) {
    const int64_t channels = lesser(CHANNELS, unit.channels - done);
    transform_weights(j, channels, width, weights + done * 9 * width, transformed);
    multiply(j, unit.blocks, count, done, channels, transformed, numbers, products);
  }
  for (int b = 0; b < unit.blocks; b++) {
    transform_back(
        j, image, unit.block + b, unit.blocks, first, count, products + b * count * LANES);
  }
}

static void run_parts(void *context, int64_t begin, int64_t end) {
  const job *j = context;
  const zoo_conv_shape *shape = j->conv->shape;
  const int64_t in_blocks = blocks_of(shape->in_channels);
  const int64_t numbers = NUMBERS * in_blocks * j->chunk * LANES;
  const int64_t products = NUMBERS * j->conv->kernels->max_blocks * j->chunk * LANES;
  const int64_t weights = NUMBERS * j->apart;
  float *scratch = zoo_thread_scratch((size_t)(numbers + products + weights) * sizeof(float));
  const int64_t image_floats = in_blocks * shape->input[1] * shape->input[2] * LANES;
  int64_t known = -1;
  for (int64_t i = begin; i < end; i++) {
    const int64_t place = i / j->parts, part = i % j->parts, image = place / j->chunks;
    const int64_t first = place % j->chunks * j->chunk;
    const int64_t count = lesser(j->chunk, j->tiles - first);
    if (place != known) {
      transform_patches(j, j->conv->input + image * image_floats, first, count, scratch);
    }
    known = place;
    const int64_t units = j->units.count;
    for (int64_t unit = part * units / j->parts; unit < (part + 1) * units / j->parts; unit++) {
      run_unit(
          j, unit, image, first, count, scratch, scratch + numbers, scratch + numbers + products);
    }
  }
}

/// Divides the work among threads: by tiles, or, where those are few, by output channels if to transform all patches for
/// each thread costs less than to transform all weights.
static void divide(job *j, int64_t threads) {
  const zoo_conv_shape *shape = j->conv->shape;
  const int64_t outs = blocks_of(shape->out_channels), tiles = j->tiles * shape->batch;
  const int64_t room = CHUNK_FLOATS / (NUMBERS * blocks_of(shape->in_channels) * LANES);
  const int64_t most = greater(lesser(room, MAX_TILES), MIN_TILES);
  const int divides_units =
      tiles < 2 * threads * most && j->units.count >= 2 * threads && tiles / 8 <= outs;
  j->parts = threads > 1 && divides_units ? 2 * threads : 1;
  j->chunk = lesser(lesser(most, j->tiles), greater(divide_up(tiles, j->parts > 1 ? 1 : threads), 1));
  j->chunk = divide_up(j->tiles, divide_up(j->tiles, j->chunk));
  j->chunks = divide_up(j->tiles, j->chunk);
}

void zoo_blocked_winograd_run(const zoo_blocked_conv *conv, int max_threads) {
  const zoo_conv_shape *shape = conv->shape;
  job j = {
      .conv = conv, .high = divide_up(shape->output[1], 4), .wide = divide_up(shape->output[2], 4),
      .units = zoo_blocked_units_of(conv->kernels, shape)};
  // Not a multiple of what the sets of a cache are apart.
  j.apart = (lesser(CHANNELS, shape->in_channels) * j.units.max_blocks + 1) * LANES;
  j.tiles = j.high * j.wide;
  int64_t threads = zoo_threads_available();
  if (max_threads > 0) threads = lesser(threads, max_threads);
  divide(&j, threads);
  zoo_parallel_for(shape->batch * j.chunks * j.parts, 1, max_threads, run_parts, &j);
}
