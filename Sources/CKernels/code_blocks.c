// 8-bit images in channel blocks: what is done to them between convolutions, by blocks.
// The same to the bit on every processor: nothing becomes a fused multiply-add that is not written as one.
#pragma STDC FP_CONTRACT OFF

#include "zoo_code_blocks.h"

#include <stdlib.h>
#include <string.h>

#include "blocked.h"
#include "extents.h"
#include "qgemm.h"
#include "zoo_threads.h"

enum {
  LANES = ZOO_CHANNEL_BLOCK,
  GRAIN = 1 << 13,        // floats that are worth another thread
  TILE = 64,              // pixels
  EXACT = 1 << 16,        // so many bytes have a sum that f32 holds
};

static zoo_code_form wanted = ZOO_CODES_BY_COST;

__attribute__((constructor)) static void read_wish(void) {
  const char *name = getenv("ZOO_CODES");
  if (!name) return;
  if (strcmp(name, "bytes") == 0) wanted = ZOO_CODES_BYTES;
  if (strcmp(name, "blocks") == 0) wanted = ZOO_CODES_BLOCKS;
}

zoo_code_form zoo_code_form_wanted(void) { return wanted; }

static int64_t grain_of(int64_t pixels) { return greater(1, GRAIN / greater(1, pixels * LANES)); }

static float lowest(const zoo_qform *form) {
  return (float)((form->is_signed ? -128 : 0) - form->zero);
}

int zoo_code_scales_set(
    const zoo_qtarget *target, const zoo_qside *x_side, const zoo_qside *weights_side,
    int64_t channels, float *scales, float *bias) {
  zoo_qcolumns lines = {.scales = scales, .bias = bias};
  const size_t bytes = (size_t)(blocks_of(channels) * LANES) * sizeof(float);
  memset(scales, 0, bytes);
  memset(bias, 0, bytes);
  zoo_qscales_set(x_side, weights_side, target, 0, channels, &lines);
  return lines.is_moderate && zoo_qtarget_is_moderate(target);
}

zoo_code_sums zoo_code_sums_of(
    const zoo_qtarget *target, const float *scales, const float *bias, int is_moderate) {
  return (zoo_code_sums){zoo_qtarget_completed(target), scales, bias, is_moderate};
}

// MARK: Bytes

typedef struct {
  const zoo_qgemm_kernels *kernels;
  const zoo_code_layout *layout;
  const void *from;
  void *to;
} move_job;

/// Pixel `p` of channel `c` of an image is at c · channel + p · pixel.
typedef struct {
  int64_t channel, pixel;
} steps;

static steps steps_of(const zoo_code_layout *l) {
  return l->channels_last ? (steps){1, l->channels} : (steps){l->pixels, 1};
}

static void planes_to_block(
    const zoo_code_layout *l, int channels, const uint8_t *from, float *to) {
  const int32_t flip = l->is_signed ? 0x80 : 0, zero = flip + l->zero;
  // So many pixels stay in the cache while one channel after the other is written.
  for (int64_t first = 0; first < l->pixels; first += TILE, from += TILE, to += TILE * LANES) {
    const int64_t count = lesser(TILE, l->pixels - first);
    memset(to, 0, (size_t)(count * LANES) * sizeof(float));
    for (int c = 0; c < channels; c++) {
      const uint8_t *plane = from + c * l->pixels;
      for (int64_t p = 0; p < count; p++) to[p * LANES + c] = (float)((plane[p] ^ flip) - zero);
    }
  }
}

static void block_to_planes(
    const zoo_code_layout *l, int channels, const float *from, uint8_t *to) {
  for (int64_t first = 0; first < l->pixels; first += TILE, from += TILE * LANES, to += TILE) {
    const int64_t count = lesser(TILE, l->pixels - first);
    for (int c = 0; c < channels; c++) {
      uint8_t *plane = to + c * l->pixels;
      for (int64_t p = 0; p < count; p++) plane[p] = (uint8_t)((int32_t)from[p * LANES + c] + l->zero);
    }
  }
}

/// The first byte of block `i` of all images, and how many channels it has.
static int64_t place_of(const zoo_code_layout *l, int64_t i, int *channels) {
  const int64_t blocks = blocks_of(l->channels), first = i % blocks * LANES;
  *channels = (int)lesser(LANES, l->channels - first);
  return i / blocks * l->channels * l->pixels + first * steps_of(l).channel;
}

static void take_bytes(void *context, int64_t begin, int64_t end) {
  const move_job *j = context;
  const zoo_code_layout *l = j->layout;
  for (int64_t i = begin; i < end; i++) {
    int channels;
    const uint8_t *from = (const uint8_t *)j->from + place_of(l, i, &channels);
    float *to = (float *)j->to + i * l->pixels * LANES;
    if (l->channels_last) {
      j->kernels->block_from_bytes(
          l->pixels, channels, from, l->channels, l->is_signed, l->zero, to);
    } else {
      planes_to_block(l, channels, from, to);
    }
  }
}

static void give_bytes(void *context, int64_t begin, int64_t end) {
  const move_job *j = context;
  const zoo_code_layout *l = j->layout;
  for (int64_t i = begin; i < end; i++) {
    int channels;
    uint8_t *to = (uint8_t *)j->to + place_of(l, i, &channels);
    const float *from = (const float *)j->from + i * l->pixels * LANES;
    if (l->channels_last) {
      j->kernels->block_to_bytes(
          l->pixels, channels, from, l->is_signed, l->zero, to, l->channels);
    } else {
      block_to_planes(l, channels, from, to);
    }
  }
}

void zoo_code_blocks_from_bytes(
    zoo_isa isa, const zoo_code_layout *layout, const uint8_t *bytes, float *blocks,
    int max_threads) {
  move_job job = {zoo_qgemm_table(isa), layout, bytes, blocks};
  zoo_parallel_for(
      layout->images * blocks_of(layout->channels), grain_of(layout->pixels), max_threads,
      take_bytes, &job);
}

void zoo_code_blocks_to_bytes(
    zoo_isa isa, const zoo_code_layout *layout, const float *blocks, uint8_t *bytes,
    int max_threads) {
  move_job job = {zoo_qgemm_table(isa), layout, blocks, bytes};
  zoo_parallel_for(
      layout->images * blocks_of(layout->channels), grain_of(layout->pixels), max_threads,
      give_bytes, &job);
}

// MARK: Element by element

typedef struct {
  const zoo_qgemm_kernels *kernels;
  const zoo_qjoin *join;
  const zoo_qform *to;
  int64_t pixels, a_step, b_step;
  const float *a, *b;
  float *c;
} element_job;

static void quantize(void *context, int64_t begin, int64_t end) {
  const element_job *j = context;
  const int64_t at = begin * LANES;
  j->kernels->quantize_block(
      (end - begin) * LANES, j->a + at, j->to->scale, lowest(j->to), j->c + at);
}

void zoo_code_blocks_quantize(
    zoo_isa isa, int64_t count, const float *x, const zoo_qform *to, float *y, int max_threads) {
  element_job job = {.kernels = zoo_qgemm_table(isa), .to = to, .a = x, .c = y};
  zoo_parallel_for(count / LANES, GRAIN / LANES, max_threads, quantize, &job);
}

static void join(void *context, int64_t begin, int64_t end) {
  const element_job *j = context;
  for (int64_t i = begin; i < end; i++) {
    j->kernels->join_block(
        j->join, j->pixels, j->a + i * (j->a_step ? j->pixels : 1) * LANES, j->a_step,
        j->b + i * (j->b_step ? j->pixels : 1) * LANES, j->b_step, j->c + i * j->pixels * LANES);
  }
}

void zoo_code_blocks_join(
    zoo_isa isa, const zoo_qjoin *join_, int64_t blocks, int64_t pixels, const float *a,
    int64_t a_step, const float *b, int64_t b_step, float *c, int max_threads) {
  element_job job = {
      .kernels = zoo_qgemm_table(isa), .join = join_, .pixels = pixels, .a_step = a_step,
      .b_step = b_step, .a = a, .b = b, .c = c};
  zoo_parallel_for(blocks, grain_of(pixels), max_threads, join, &job);
}

// MARK: Means

typedef struct {
  const zoo_blocked_kernels *kernels;
  const zoo_qgemm_kernels *rounding;
  const zoo_code_sums *sums;
  int64_t pixels;
  const float *x;
  float *y;
} mean_job;

/// Sums that f32 does not hold, modulo 2³² as those of bytes.
static void sum_in_parts(const mean_job *j, const float *x, float *y) {
  uint32_t totals[LANES] = {0};
  for (int64_t first = 0; first < j->pixels; first += EXACT) {
    float part[LANES];
    j->kernels->pool_all(1, lesser(EXACT, j->pixels - first), ZOO_POOL_SUM, x + first * LANES, part);
    for (int lane = 0; lane < LANES; lane++) totals[lane] += (uint32_t)(int32_t)part[lane];
  }
  for (int lane = 0; lane < LANES; lane++) y[lane] = (float)(int32_t)totals[lane];
}

static void average(void *context, int64_t begin, int64_t end) {
  const mean_job *j = context;
  const float *x = j->x + begin * j->pixels * LANES;
  float *y = j->y + begin * LANES;
  if (j->pixels <= EXACT) {
    j->kernels->pool_all(end - begin, j->pixels, ZOO_POOL_SUM, x, y);
  } else {
    for (int64_t i = 0; i < end - begin; i++) {
      sum_in_parts(j, x + i * j->pixels * LANES, y + i * LANES);
    }
  }
  j->rounding->finish_block(j->sums, 0, (int)(end - begin), NULL, y);
}

void zoo_code_blocks_average(
    zoo_isa isa, int64_t blocks, int64_t pixels, float scale, const zoo_qform *to, const float *x,
    float *y, int max_threads) {
  zoo_qtarget target = {.kind = ZOO_QOUT_F32};
  float factor = scale / (float)pixels, factors[LANES];
  if (to) {
    target.kind = to->is_signed ? ZOO_QOUT_S8 : ZOO_QOUT_U8;
    target.scale = to->scale;
    target.zero = to->zero;
    factor /= to->scale;
  }
  for (int lane = 0; lane < LANES; lane++) factors[lane] = factor;
  const zoo_code_sums sums = zoo_code_sums_of(&target, factors, NULL, 0);
  mean_job job = {zoo_blocked_table(isa), zoo_qgemm_table(isa), &sums, pixels, x, y};
  zoo_parallel_for(blocks, grain_of(pixels), max_threads, average, &job);
}
