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

static void run_pieces(void *context, int64_t begin, int64_t end) {
  const job *j = context;
  const int64_t blocks = blocks_of(j->channels);
  for (int64_t i = begin; i < end; i++) {
    const int64_t first = i % j->pieces * PIECE, place = i / j->pieces;
    const int64_t image = place / blocks, block = place % blocks;
    const int64_t count = first + PIECE < j->pixels ? PIECE : j->pixels - first;
    const int64_t left = j->channels - block * LANES;
    const int channels = left < LANES ? (int)left : LANES;
    const int64_t plane = (image * j->channels + block * LANES) * j->pixels + first;
    const int64_t at = (place * j->pixels + first) * LANES;
    if (j->is_into_blocks) {
      j->kernels->from_planes(channels, count, j->from + plane, j->pixels, j->to + at);
    } else {
      j->kernels->to_planes(channels, count, j->from + at, j->to + plane, j->pixels);
    }
  }
}

static void run(
    zoo_isa isa, int64_t images, int64_t channels, int64_t pixels, const float *from, float *to,
    int is_into_blocks, int max_threads) {
  if (pixels <= 0) return;
  job j = {
      .kernels = zoo_blocked_table(isa), .channels = channels, .pixels = pixels,
      .pieces = (pixels + PIECE - 1) / PIECE, .from = from, .to = to,
      .is_into_blocks = is_into_blocks};
  const int64_t piece = pixels < PIECE ? pixels : PIECE;
  const int64_t grain = MIN_FLOATS_PER_THREAD / (piece * LANES);
  zoo_parallel_for(
      images * blocks_of(channels) * j.pieces, grain < 1 ? 1 : grain, max_threads, run_pieces, &j);
}

void zoo_blocks_from_planes(
    zoo_isa isa, int64_t images, int64_t channels, int64_t pixels, const float *planes,
    float *blocks, int max_threads) {
  run(isa, images, channels, pixels, planes, blocks, 1, max_threads);
}

void zoo_planes_from_blocks(
    zoo_isa isa, int64_t images, int64_t channels, int64_t pixels, const float *blocks,
    float *planes, int max_threads) {
  run(isa, images, channels, pixels, blocks, planes, 0, max_threads);
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
