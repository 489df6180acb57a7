// Convolutions of channel blocks: which form computes a shape, and how weights are packed for it.
#include <stdlib.h>
#include <string.h>

#include "blocked_units.h"
#include "qgemm.h"
#include "subnormal.h"
#include "thread_scratch.h"

const zoo_blocked_kernels *zoo_blocked_table(zoo_isa isa) {
  switch (isa) {
#if defined(__x86_64__)
  case ZOO_ISA_AVX512: return &zoo_blocked_avx512;
  case ZOO_ISA_AVX2: return &zoo_blocked_avx2;
#elif defined(__aarch64__)
  case ZOO_ISA_NEON: return &zoo_blocked_neon;
#endif
  default: return &zoo_blocked_portable;
  }
}

// MARK: Forms

/// What the environment variable ZOO_CONV asks for.
static zoo_blocked_form wish = ZOO_BLOCKED_NONE;
static int wants_planes = 0;

__attribute__((constructor)) static void read_wish(void) {
  const char *name = getenv("ZOO_CONV");
  if (!name) return;
  if (strcmp(name, "direct") == 0) wish = ZOO_BLOCKED_DIRECT;
  if (strcmp(name, "winograd") == 0) wish = ZOO_BLOCKED_WINOGRAD;
  wants_planes = strcmp(name, "planes") == 0;
}

int zoo_blocked_is_wanted(void) { return !wants_planes; }

enum {
  MAX_KERNEL = 64,            // taps along one axis
  MAX_STRIDE = 64,
  MAX_PLANES = 8,             // input channels that are read from planes
  MAX_DEPTH = 1 << 18,        // channels · kernel rows · columns that a row of the smallest tile may read
};

static int has_sane_window(const zoo_conv_shape *shape) {
  if (conv_volume(shape->kernel) < 1 || shape->kernel[0] != 1 || shape->input[0] != 1) return 0;
  for (int axis = 1; axis < 3; axis++) {
    if (shape->kernel[axis] > MAX_KERNEL || shape->stride[axis] > MAX_STRIDE) return 0;
    if (shape->dilation[axis] > MAX_STRIDE) return 0;
  }
  return 1;
}

static int64_t span(const zoo_conv_shape *shape, int axis) {
  return (shape->kernel[axis] - 1) * shape->dilation[axis] + 1;
}

static int takes_direct(const zoo_conv_shape *shape) {
  const double columns = (double)(span(shape, 2) + 16 * shape->stride[2]);
  return (double)blocks_of(shape->in_channels) * 16 * (double)span(shape, 1) * columns <= 1 << 21;
}

int zoo_blocked_conv_takes(const zoo_conv_shape *shape, zoo_blocked_form form) {
  if (!has_sane_window(shape) || shape->in_channels < 1 || shape->out_channels < 1) return 0;
  switch (form) {
  case ZOO_BLOCKED_DIRECT: return takes_direct(shape);
  case ZOO_BLOCKED_DEPTHWISE:
    return shape->groups == shape->in_channels && shape->groups == shape->out_channels;
  case ZOO_BLOCKED_PLANES:
    return shape->groups == 1 && shape->in_channels <= MAX_PLANES && takes_direct(shape);
  case ZOO_BLOCKED_WINOGRAD:
    for (int axis = 1; axis < 3; axis++) {
      if (shape->kernel[axis] != 3 || shape->stride[axis] != 1 || shape->dilation[axis] != 1) {
        return 0;
      }
    }
    return shape->groups == 1 && shape->in_channels <= 4096 && shape->out_channels <= 4096;
  default: return 0;
  }
}

/// Winograd's transforms cost as much as some channels' multiplications, and so do its tiles that reach over the edge.
static int is_winograd_worth_it(const zoo_conv_shape *shape) {
  if (!zoo_blocked_conv_takes(shape, ZOO_BLOCKED_WINOGRAD)) return 0;
  const double ins = (double)blocks_of(shape->in_channels);
  const double outs = (double)blocks_of(shape->out_channels);
  const double pixels = (double)(shape->batch * conv_volume(shape->output));
  const double tiles =
      (double)(shape->batch * ((shape->output[1] + 3) / 4) * ((shape->output[2] + 3) / 4));
  const double direct = pixels * 9 * 16 * ins * outs;
  const double products = tiles * 36 * 16 * ins * outs * 1.15;
  const double transforms = tiles * (ins * 280 + outs * 260);
  const double weights = 16 * ins * outs * 150;
  return products + transforms + weights < 0.9 * direct;
}

zoo_blocked_form zoo_blocked_conv_form(const zoo_conv_shape *shape, int from_planes) {
  if (from_planes && zoo_blocked_conv_takes(shape, ZOO_BLOCKED_PLANES)) return ZOO_BLOCKED_PLANES;
  if (zoo_blocked_conv_takes(shape, ZOO_BLOCKED_DEPTHWISE)) return ZOO_BLOCKED_DEPTHWISE;
  switch (wish) {
  case ZOO_BLOCKED_DIRECT: break;
  case ZOO_BLOCKED_WINOGRAD:
    if (zoo_blocked_conv_takes(shape, ZOO_BLOCKED_WINOGRAD)) return ZOO_BLOCKED_WINOGRAD;
    break;
  default:
    if (is_winograd_worth_it(shape)) return ZOO_BLOCKED_WINOGRAD;
  }
  return zoo_blocked_conv_takes(shape, ZOO_BLOCKED_DIRECT) ? ZOO_BLOCKED_DIRECT : ZOO_BLOCKED_NONE;
}

// MARK: Units

static int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

zoo_blocked_units zoo_blocked_units_of(
    const zoo_blocked_kernels *kernels, const zoo_conv_shape *shape) {
  const int64_t per_group = shape->out_channels / shape->groups;
  zoo_blocked_units units = {.groups = shape->groups, .per_group = per_group};
  units.inputs = shape->in_channels / shape->groups;
  units.aligned = shape->groups == 1 || per_group % ZOO_CHANNEL_BLOCK == 0;
  units.max_blocks = kernels->max_blocks;
  // Where groups do not end with blocks, one may begin in the middle of a block and reach into one more.
  const int64_t blocks = blocks_of(per_group) + (units.aligned ? 0 : 1);
  units.in_group = divide_up(blocks, units.max_blocks);
  units.floats =
      units.inputs * conv_volume(shape->kernel) * units.max_blocks * ZOO_CHANNEL_BLOCK;
  units.count = units.in_group * shape->groups;
  return units;
}

int zoo_blocked_unit_at(const zoo_blocked_units *units, int64_t index, zoo_blocked_unit *unit) {
  const int64_t group = index / units->in_group, place = index % units->in_group;
  unit->first_channel = group * units->inputs;
  unit->channels = units->inputs;
  unit->weights = index * units->floats;
  const int64_t begin = group * units->per_group, end = begin + units->per_group;
  unit->block = begin / ZOO_CHANNEL_BLOCK + place * units->max_blocks;
  const int64_t base = unit->block * ZOO_CHANNEL_BLOCK, left = blocks_of(end - base);
  if (left <= 0) return 0;
  unit->blocks = left < units->max_blocks ? (int)left : units->max_blocks;
  unit->first_lane = begin > base ? (int)(begin - base) : 0;
  unit->end_lane = unit->blocks * ZOO_CHANNEL_BLOCK;
  if (!units->aligned && end - base < unit->end_lane) unit->end_lane = (int)(end - base);
  return 1;
}

// MARK: Packing

static int64_t bias_floats(const zoo_conv_shape *shape) {
  return blocks_of(shape->out_channels) * ZOO_CHANNEL_BLOCK;
}

static int64_t weight_floats(
    const zoo_blocked_kernels *kernels, const zoo_conv_shape *shape, zoo_blocked_form form) {
  if (form == ZOO_BLOCKED_DEPTHWISE) return bias_floats(shape) * conv_volume(shape->kernel);
  const zoo_blocked_units units = zoo_blocked_units_of(kernels, shape);
  return units.count * units.floats;
}

size_t zoo_blocked_conv_packed_bytes(
    zoo_isa isa, const zoo_conv_shape *shape, zoo_blocked_form form) {
  const int64_t floats = weight_floats(zoo_blocked_table(isa), shape, form);
  return (size_t)(bias_floats(shape) + floats) * sizeof(float);
}

/// [tap][16] for each block.
static void pack_depthwise(
    const zoo_conv_shape *shape, const float *weights, const float *gain, float *packed) {
  const int64_t taps = conv_volume(shape->kernel);
  for (int64_t c = 0; c < shape->out_channels; c++) {
    float *to = packed + c / ZOO_CHANNEL_BLOCK * taps * ZOO_CHANNEL_BLOCK + c % ZOO_CHANNEL_BLOCK;
    const float factor = gain ? gain[c] : 1;
    for (int64_t t = 0; t < taps; t++) {
      to[t * ZOO_CHANNEL_BLOCK] = weights[c * taps + t] * factor;
    }
  }
}

/// One unit: for each block of input channels (`step` of them) [tap][channel][output channels].
static void pack_unit(
    const zoo_conv_shape *shape, const zoo_blocked_unit *unit, int step, const float *weights,
    const float *gain, float *to) {
  const int64_t taps = conv_volume(shape->kernel), ld = unit->channels * taps;
  const int64_t base = unit->block * ZOO_CHANNEL_BLOCK;
  const int width = unit->blocks * ZOO_CHANNEL_BLOCK, first = unit->first_lane;
  int end = unit->end_lane;
  if (end > shape->out_channels - base) end = (int)(shape->out_channels - base);
  // The rows of lanes from the first on end that much later.
  const int64_t floats = step * taps * width + ZOO_CHANNEL_BLOCK;
  float *rows = zoo_thread_scratch((size_t)floats * sizeof(float));
  memset(rows, 0, (size_t)floats * sizeof(float));
  for (int64_t c = 0; c < unit->channels;) {
    const int64_t room = step - (unit->first_channel + c) % step;
    const int64_t count = room < unit->channels - c ? room : unit->channels - c;
    // [channel][tap][output channels]; lanes before the first stay as they are.
    zoo_gemm_f32_pack_rows(
        count * taps, end - first, width, weights + (base + first) * ld + c * taps, ld,
        rows + first);
    for (int64_t t = 0; t < taps; t++) {
      for (int64_t i = 0; i < count; i++, to += width) {
        const float *from = rows + (i * taps + t) * width;
        for (int lane = first; lane < end; lane++) {
          to[lane] = from[lane] * (gain ? gain[base + lane] : 1);
        }
      }
    }
    c += count;
  }
}

/// Fills `to`, which holds zeros.
static void pack_weights(
    zoo_isa isa, const zoo_conv_shape *shape, zoo_blocked_form form, const float *weights,
    const float *gain, float *to) {
  const zoo_blocked_kernels *kernels = zoo_blocked_table(isa);
  if (form == ZOO_BLOCKED_DEPTHWISE) {
    pack_depthwise(shape, weights, gain, to);
    return;
  }
  const zoo_blocked_units units = zoo_blocked_units_of(kernels, shape);
  const int step = form == ZOO_BLOCKED_PLANES ? 1 : ZOO_CHANNEL_BLOCK;
  for (int64_t i = 0; i < units.count; i++) {
    zoo_blocked_unit unit;
    if (zoo_blocked_unit_at(&units, i, &unit)) {
      pack_unit(shape, &unit, step, weights, gain, to + unit.weights);
    }
  }
}

void zoo_blocked_conv_pack(
    zoo_isa isa, const zoo_conv_shape *shape, zoo_blocked_form form, const float *weights,
    const float *gain, const float *bias, void *packed) {
  const size_t bytes = zoo_blocked_conv_packed_bytes(isa, shape, form);
  memset(packed, 0, bytes);
  float *to = packed;
  if (bias) memcpy(to, bias, (size_t)shape->out_channels * sizeof(float));
  pack_weights(isa, shape, form, weights, gain, to + bias_floats(shape));
  flush_subnormals(to, bytes / sizeof(float));
}

// MARK: Running

void zoo_blocked_conv_run(
    zoo_isa isa, const zoo_conv_shape *shape, zoo_blocked_form form, const float *input,
    const void *packed, float *output, const zoo_blocked_epilogue *epilogue, int max_threads) {
  if (shape->batch <= 0 || conv_volume(shape->output) <= 0) return;
  const float *bias = packed;
  const zoo_blocked_conv conv = {
      .kernels = zoo_blocked_table(isa), .shape = shape, .input = input, .bias = bias,
      .weights = bias + bias_floats(shape), .output = output, .epilogue = epilogue,
      .finish = zoo_qgemm_table(isa)->finish_block};
  switch (form) {
  case ZOO_BLOCKED_DEPTHWISE: zoo_blocked_depthwise_run(&conv, max_threads); return;
  case ZOO_BLOCKED_WINOGRAD: zoo_blocked_winograd_run(&conv, max_threads); return;
  default: zoo_blocked_direct_run(&conv, form == ZOO_BLOCKED_PLANES, max_threads);
  }
}
