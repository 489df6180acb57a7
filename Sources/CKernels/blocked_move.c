// Between planes and channel blocks, and from block to block.
#include <string.h>

#include "blocked.h"
#include "zoo_threads.h"

enum { MIN_FLOATS_PER_THREAD = 1 << 13, LANES = ZOO_CHANNEL_BLOCK, PIECE = 1024 };

typedef struct {
  const zoo_blocked_kernels *kernels;
  int64_t channels, pixels, pieces;
  const float *from;
  float *to;
  int is_into_blocks;
} job;

/// Some pixels of one block of an image.
typedef struct {
  int64_t image, block, first, count;
  int64_t channels;  // of the block
  int64_t at;        // in the blocks
} piece;

static piece piece_at(const job *j, int64_t index) {
  const int64_t blocks = blocks_of(j->channels), place = index / j->pieces;
  piece p = {.image = place / blocks, .block = place % blocks, .first = index % j->pieces * PIECE};
  const int64_t left = j->channels - p.block * LANES;
  p.count = p.first + PIECE < j->pixels ? PIECE : j->pixels - p.first;
  p.channels = left < LANES ? left : LANES;
  p.at = (place * j->pixels + p.first) * LANES;
  return p;
}

static void run_pieces(void *context, int64_t begin, int64_t end) {
  const job *j = context;
  for (int64_t i = begin; i < end; i++) {
    const piece p = piece_at(j, i);
    const int64_t plane = (p.image * j->channels + p.block * LANES) * j->pixels + p.first;
    const int channels = (int)p.channels;
    if (j->is_into_blocks) {
      j->kernels->from_planes(channels, p.count, j->from + plane, j->pixels, j->to + p.at);
    } else {
      j->kernels->to_planes(channels, p.count, j->from + p.at, j->to + plane, j->pixels);
    }
  }
}

/// Channels last: each block of a pixel is a run of floats on both sides.
static void run_pixels(void *context, int64_t begin, int64_t end) {
  const job *j = context;
  for (int64_t i = begin; i < end; i++) {
    const piece p = piece_at(j, i);
    const int64_t pixel = (p.image * j->pixels + p.first) * j->channels + p.block * LANES;
    const float *from = j->from + (j->is_into_blocks ? pixel : p.at);
    float *to = j->to + (j->is_into_blocks ? p.at : pixel);
    const int64_t from_step = j->is_into_blocks ? j->channels : LANES;
    const int64_t to_step = j->is_into_blocks ? LANES : j->channels;
    if (p.channels == LANES) {
      for (int64_t n = 0; n < p.count; n++, from += from_step, to += to_step) {
        memcpy(to, from, LANES * sizeof(float));
      }
      continue;
    }
    for (int64_t n = 0; n < p.count; n++, from += from_step, to += to_step) {
      int64_t lane = 0;
      for (; lane + 4 <= p.channels; lane += 4) memcpy(to + lane, from + lane, 4 * sizeof(float));
      for (; lane < p.channels; lane++) to[lane] = from[lane];
      for (; j->is_into_blocks && lane < LANES; lane++) to[lane] = 0;
    }
  }
}

static void run(job *j, int64_t images, void (*body)(void *, int64_t, int64_t), int max_threads) {
  if (j->pixels <= 0) return;
  j->pieces = (j->pixels + PIECE - 1) / PIECE;
  const int64_t piece = j->pixels < PIECE ? j->pixels : PIECE;
  const int64_t grain = MIN_FLOATS_PER_THREAD / (piece * LANES);
  zoo_parallel_for(
      images * blocks_of(j->channels) * j->pieces, grain < 1 ? 1 : grain, max_threads, body, j);
}

void zoo_blocks_from_planes(
    zoo_isa isa, int64_t images, int64_t channels, int64_t pixels, const float *planes,
    float *blocks, int max_threads) {
  job j = {zoo_blocked_table(isa), channels, pixels, 0, planes, blocks, 1};
  run(&j, images, run_pieces, max_threads);
}

void zoo_planes_from_blocks(
    zoo_isa isa, int64_t images, int64_t channels, int64_t pixels, const float *blocks,
    float *planes, int max_threads) {
  job j = {zoo_blocked_table(isa), channels, pixels, 0, blocks, planes, 0};
  run(&j, images, run_pieces, max_threads);
}

void zoo_blocks_from_pixels(
    int64_t images, int64_t channels, int64_t pixels, const float *from, float *blocks,
    int max_threads) {
  job j = {NULL, channels, pixels, 0, from, blocks, 1};
  run(&j, images, run_pixels, max_threads);
}

void zoo_pixels_from_blocks(
    int64_t images, int64_t channels, int64_t pixels, const float *blocks, float *to,
    int max_threads) {
  job j = {NULL, channels, pixels, 0, blocks, to, 0};
  run(&j, images, run_pixels, max_threads);
}

typedef struct {
  int64_t channels, pixels, first, out_channels;
  const float *from;
  float *to;
} insertion;

/// The first `count` lanes of each pixel.
static void copy_lanes(
    int64_t pixels, const float *from, float *to, int64_t count) {
  if (count % 8 == 0) {
    for (int64_t i = 0; i < pixels; i++, from += LANES, to += LANES) {
      for (int64_t l = 0; l < count; l += 8) memcpy(to + l, from + l, 8 * sizeof(float));
    }
  } else {
    for (int64_t i = 0; i < pixels; i++, from += LANES, to += LANES) {
      for (int64_t l = 0; l < count; l++) to[l] = from[l];
    }
  }
}

static void run_insertion(void *context, int64_t begin, int64_t end) {
  const insertion *j = context;
  const int64_t blocks = blocks_of(j->channels), out_blocks = blocks_of(j->out_channels);
  const int64_t plane = j->pixels * LANES, shift = j->first % LANES;
  for (int64_t i = begin; i < end; i++) {
    const int64_t image = i / blocks, block = i % blocks;
    const float *from = j->from + i * plane;
    float *to = j->to + (image * out_blocks + j->first / LANES + block) * plane;
    const int64_t left = j->channels - block * LANES;
    const int64_t lanes = left < LANES ? left : LANES;
    if (shift == 0 && (lanes == LANES || j->first + j->channels == j->out_channels)) {
      memcpy(to, from, (size_t)plane * sizeof(float));
      continue;
    }
    const int64_t here = lanes < LANES - shift ? lanes : LANES - shift;
    copy_lanes(j->pixels, from, to + shift, here);
    if (here < lanes) copy_lanes(j->pixels, from + here, to + plane, lanes - here);
  }
}

void zoo_blocks_insert(
    int64_t images, int64_t channels, int64_t pixels, const float *input, int64_t first,
    int64_t out_channels, float *output, int max_threads) {
  insertion j = {
      .channels = channels, .pixels = pixels, .first = first, .out_channels = out_channels,
      .from = input, .to = output};
  const int64_t grain = MIN_FLOATS_PER_THREAD / (pixels * LANES + 1);
  zoo_parallel_for(
      images * blocks_of(channels), grain < 1 ? 1 : grain, max_threads, run_insertion, &j);
}

typedef struct {
  int64_t in_channels, out_channels, pixels;
  const int32_t *channels;
  const float *from;
  float *to;
} selection;

enum { HALF = LANES / 2, CHUNK = 128 };

/// Eight lanes of each pixel, each from a place of its own; so few that their addresses stay in registers.
static void gather_lanes(int64_t pixels, const float *const *from, int64_t first, float *to) {
  const float *a = from[0], *b = from[1], *c = from[2], *d = from[3];
  const float *e = from[4], *f = from[5], *g = from[6], *h = from[7];
  for (int64_t i = first * LANES; i < (first + pixels) * LANES; i += LANES) {
    to[i] = a[i], to[i + 1] = b[i], to[i + 2] = c[i], to[i + 3] = d[i];
    to[i + 4] = e[i], to[i + 5] = f[i], to[i + 6] = g[i], to[i + 7] = h[i];
  }
}

static int is_whole_block(const int32_t *channels, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    if (channels[i] != channels[0] + i) return 0;
  }
  return channels[0] % LANES == 0;
}

static void run_selection(void *context, int64_t begin, int64_t end) {
  const selection *j = context;
  const int64_t blocks = blocks_of(j->out_channels), plane = j->pixels * LANES;
  for (int64_t i = begin; i < end; i++) {
    const int32_t *channels = j->channels + i % blocks * LANES;
    const int64_t left = j->out_channels - i % blocks * LANES;
    const int64_t lanes = left < LANES ? left : LANES;
    const float *image = j->from + i / blocks * blocks_of(j->in_channels) * plane;
    float *to = j->to + i * plane;
    if (is_whole_block(channels, lanes)) {
      memcpy(to, image + channels[0] / LANES * plane, (size_t)plane * sizeof(float));
      continue;
    }
    const float *from[LANES];
    for (int64_t l = 0; l < LANES; l++) {
      const int32_t channel = channels[l < lanes ? l : 0];
      from[l] = image + channel / LANES * plane + channel % LANES;
    }
    for (int64_t first = 0; first < j->pixels; first += CHUNK) {
      const int64_t count = first + CHUNK < j->pixels ? CHUNK : j->pixels - first;
      gather_lanes(count, from, first, to);
      if (lanes > HALF) gather_lanes(count, from + HALF, first, to + HALF);
    }
  }
}

void zoo_blocks_select(
    int64_t images, int64_t in_channels, int64_t out_channels, int64_t pixels,
    const int32_t *channels, const float *input, float *output, int max_threads) {
  if (pixels <= 0) return;
  selection j = {
      .in_channels = in_channels, .out_channels = out_channels, .pixels = pixels,
      .channels = channels, .from = input, .to = output};
  const int64_t grain = MIN_FLOATS_PER_THREAD / (pixels * LANES + 1);
  zoo_parallel_for(
      images * blocks_of(out_channels), grain < 1 ? 1 : grain, max_threads, run_selection, &j);
}
