// 8-bit convolution with channels last, as a matrix product: rows are output elements, columns output channels. A row
// is one piece of the input for each tap, read where it is; nothing is unfolded but for odd numbers of channels.
#include <string.h>

#include "conv_f32.h"
#include "extents.h"
#include "qgemm.h"
#include "zoo_threads.h"

enum {
  PADDING_BYTES = 1 << 14,
  MAX_TAPS = 1 << 10,
  BEHIND = 64,  // bytes that kernels may read behind what counts
};

static int64_t depth_of(const zoo_conv_shape *shape) { return shape->in_channels / shape->groups; }
static int64_t columns_of(const zoo_conv_shape *shape) {
  return shape->out_channels / shape->groups;
}

/// Whether the channels of each tap are read where they are.
static int is_indirect(const zoo_conv_shape *shape) {
  const int64_t depth = depth_of(shape);
  return depth % 4 == 0 && depth <= PADDING_BYTES && conv_volume(shape->kernel) <= MAX_TAPS;
}

/// Whether each line of a window is read where it is, up to three bytes of the next pixel included: weights of 0 make
/// them harmless.
static int reads_lines(const zoo_conv_shape *shape) {
  const int64_t line = depth_of(shape) * shape->kernel[2];
  return !is_indirect(shape) && shape->groups == 1 && shape->dilation[2] == 1 &&
         (line + 3) / 4 * 12 <= 4 * line && conv_volume(shape->kernel) <= MAX_TAPS;
}

/// Weights [out_channels, in_channels / groups, taps] as panels whose k runs over taps, then channels.
static zoo_qpanels layout_of(const zoo_conv_shape *shape, int is_signed) {
  const int64_t taps = conv_volume(shape->kernel), depth = depth_of(shape);
  return (zoo_qpanels){
      .segments = taps, .length = depth, .segment = 1, .row = taps, .column = taps * depth,
      .is_signed = is_signed,
      .run = is_indirect(shape) ? 1 : reads_lines(shape) ? shape->kernel[2] : taps};
}

/// int32 words of one group's weights.
static int64_t group_words(const zoo_qgemm_kernels *kernels, const zoo_conv_shape *shape) {
  const zoo_qpanels layout = layout_of(shape, 1);
  return zoo_qpanels_words(kernels, zoo_qpanels_groups(&layout), columns_of(shape));
}

size_t zoo_qconv_packed_bytes(zoo_isa isa, const zoo_conv_shape *shape) {
  const zoo_qgemm_kernels *kernels = zoo_qgemm_table(isa);
  if (zoo_qconv_is_depthwise(shape)) return zoo_qconv_depthwise_packed_bytes(kernels, shape);
  return (size_t)(group_words(kernels, shape) * shape->groups) * 4;
}

void zoo_qconv_pack(
    zoo_isa isa, const zoo_conv_shape *shape, const void *weights, int is_signed, void *packed) {
  const zoo_qgemm_kernels *kernels = zoo_qgemm_table(isa);
  if (zoo_qconv_is_depthwise(shape)) {
    zoo_qconv_depthwise_pack(kernels, shape, weights, is_signed, packed);
    return;
  }
  const zoo_qpanels layout = layout_of(shape, is_signed);
  const int64_t words = group_words(kernels, shape), columns = columns_of(shape);
  for (int64_t group = 0; group < shape->groups; group++) {
    zoo_qpanels_pack(
        kernels, &layout, columns, (const uint8_t *)weights + group * columns * layout.column,
        (int32_t *)packed + group * words);
  }
}

static int64_t input_bytes(const zoo_conv_shape *shape) {
  return shape->batch * shape->in_channels * conv_volume(shape->input);
}

/// The same convolution of an input that has its padding around it.
static zoo_conv_shape padded(const zoo_conv_shape *shape) {
  zoo_conv_shape result = *shape;
  for (int axis = 0; axis < 3; axis++) {
    result.input[axis] = (shape->output[axis] - 1) * shape->stride[axis] +
                         (shape->kernel[axis] - 1) * shape->dilation[axis] + 1;
    result.pad[axis] = 0;
  }
  return result;
}

/// Whether the input is copied with its padding around it: lines of all windows can then be read where they are.
static int is_padded(const zoo_conv_shape *shape) {
  if (!reads_lines(shape) || conv_volume(shape->output) <= 0) return 0;
  const zoo_conv_shape wide = padded(shape);
  const double most = 2 * (double)input_bytes(shape) + (1 << 16);
  double bytes = (double)(wide.batch * wide.in_channels);
  for (int axis = 0; axis < 3; axis++) bytes *= (double)wide.input[axis];
  return bytes <= most;
}

size_t zoo_qconv_scratch_bytes(const zoo_conv_shape *shape, int input_is_signed) {
  size_t bytes = input_is_signed ? whole_lines((size_t)input_bytes(shape)) : 0;
  if (!is_padded(shape)) return bytes;
  const zoo_conv_shape wide = padded(shape);
  return bytes + (size_t)input_bytes(&wide) + BEHIND;
}

// MARK: Rows

typedef struct {
  const zoo_conv_shape *shape;
  const uint8_t *input;  // at the first channel of the group
  const uint8_t *end;    // of the whole input
  const uint8_t *padding;
  int is_plain;          // every output element reads the input element at its own place
  const int64_t *offsets;  // of each tap from the first one, in bytes
} source;

/// The channels that a tap reads; `padding` outside the input.
static const uint8_t *channels_at(
    const source *s, int64_t image, int64_t z, int64_t y, int64_t x) {
  const zoo_conv_shape *shape = s->shape;
  const int is_inside = (uint64_t)z < (uint64_t)shape->input[0] &&
                        (uint64_t)y < (uint64_t)shape->input[1] &&
                        (uint64_t)x < (uint64_t)shape->input[2];
  if (!is_inside) return s->padding;
  const int64_t element = ((image * shape->input[0] + z) * shape->input[1] + y) * shape->input[2] + x;
  return s->input + element * shape->in_channels;
}

/// Bytes from the first tap of a window within the input to each tap.
static void set_offsets(const zoo_conv_shape *shape, int64_t *offsets) {
  for (int64_t z = 0; z < shape->kernel[0]; z++) {
    for (int64_t y = 0; y < shape->kernel[1]; y++) {
      const int64_t line =
          (z * shape->dilation[0] * shape->input[1] + y * shape->dilation[1]) * shape->input[2];
      for (int64_t x = 0; x < shape->kernel[2]; x++) {
        *offsets++ = (line + x * shape->dilation[2]) * shape->in_channels;
      }
    }
  }
}

/// Whether a window lies within the input.
static int is_inside(const zoo_conv_shape *shape, const zoo_qplace *at) {
  const int64_t origin[3] = {at->z, at->y, at->x};
  for (int axis = 0; axis < 3; axis++) {
    const int64_t last = origin[axis] + (shape->kernel[axis] - 1) * shape->dilation[axis];
    if (origin[axis] < 0 || last >= shape->input[axis]) return 0;
  }
  return 1;
}

/// The place behind `at`.
static void advance(const zoo_conv_shape *shape, zoo_qplace *at) {
  const int64_t last[3] = {
      (shape->output[0] - 1) * shape->stride[0] - shape->pad[0],
      (shape->output[1] - 1) * shape->stride[1] - shape->pad[1],
      (shape->output[2] - 1) * shape->stride[2] - shape->pad[2]};
  if (at->x < last[2]) {
    at->x += shape->stride[2];
    return;
  }
  at->x = -shape->pad[2];
  if (at->y < last[1]) {
    at->y += shape->stride[1];
    return;
  }
  at->y = -shape->pad[1];
  if (at->z < last[0]) {
    at->z += shape->stride[0];
    return;
  }
  at->z = -shape->pad[0];
  at->image++;
}

/// How many elements from `at` on, at most `count` and in its line, have windows that lie within the input along x.
static int inside_along_x(const zoo_conv_shape *shape, const zoo_qplace *at, int count) {
  const int64_t last = lesser(
      shape->input[2] - 1 - (shape->kernel[2] - 1) * shape->dilation[2],
      (shape->output[2] - 1) * shape->stride[2] - shape->pad[2]);
  if (at->x < 0 || at->x > last) return 0;
  return (int)lesser(count, (last - at->x) / shape->stride[2] + 1);
}

/// The taps of `count` such elements.
static void point_along_x(
    const source *s, const zoo_qplace *at, int count, int max_rows, const void **to) {
  const zoo_conv_shape *shape = s->shape;
  for (int64_t z = 0; z < shape->kernel[0]; z++) {
    for (int64_t y = 0; y < shape->kernel[1]; y++) {
      const uint8_t *from = channels_at(
          s, at->image, at->z + z * shape->dilation[0], at->y + y * shape->dilation[1], at->x);
      const int is_padding = from == s->padding;
      const int64_t tap = is_padding ? 0 : shape->dilation[2] * shape->in_channels;
      const int64_t step = is_padding ? 0 : shape->stride[2] * shape->in_channels;
      for (int64_t x = 0; x < shape->kernel[2]; x++, from += tap, to += max_rows) {
        for (int i = 0; i < count; i++) to[i] = from + i * step;
      }
    }
  }
}

/// The taps of any element.
static void point_at_each(
    const source *s, const zoo_qplace *at, int max_rows, const void **to) {
  const zoo_conv_shape *shape = s->shape;
  for (int64_t z = 0; z < shape->kernel[0]; z++) {
    for (int64_t y = 0; y < shape->kernel[1]; y++) {
      for (int64_t x = 0; x < shape->kernel[2]; x++, to += max_rows) {
        *to = channels_at(
            s, at->image, at->z + z * shape->dilation[0], at->y + y * shape->dilation[1],
            at->x + x * shape->dilation[2]);
      }
    }
  }
}

static void point_at_taps(
    const void *context, int64_t first, int count, int max_rows, const void **pointers) {
  const source *s = context;
  const zoo_conv_shape *shape = s->shape;
  if (s->is_plain) {
    for (int i = 0; i < count; i++) pointers[i] = s->input + (first + i) * shape->in_channels;
    return;
  }
  zoo_qplace at = zoo_qplace_of(shape, first);
  for (int i = 0; i < count;) {
    const int inside = inside_along_x(shape, &at, count - i);
    if (inside > 0) {
      point_along_x(s, &at, inside, max_rows, pointers + i);
    } else {
      point_at_each(s, &at, max_rows, pointers + i);
    }
    i += inside > 0 ? inside : 1;
    if (inside > 1) at.x += (inside - 1) * shape->stride[2];
    advance(shape, &at);
  }
}

/// Lines of windows of an input that has its padding around it.
static void point_within(
    const void *context, int64_t first, int count, int max_rows, const void **pointers) {
  const source *s = context;
  const zoo_conv_shape *shape = s->shape;
  const int64_t taps = conv_volume(shape->kernel), width = shape->kernel[2];
  const int64_t step = shape->stride[2] * shape->in_channels;
  for (int i = 0; i < count;) {
    const zoo_qplace at = zoo_qplace_of(shape, first + i);
    const int64_t left = shape->output[2] - (first + i) % shape->output[2];
    const int along = (int)lesser(count - i, left);
    const uint8_t *from = channels_at(s, at.image, at.z, at.y, at.x);
    const void **to = pointers + i;
    for (int64_t t = 0; t < taps; t += width, to += max_rows) {
      for (int j = 0; j < along; j++) to[j] = from + s->offsets[t] + j * step;
    }
    i += along;
  }
}

/// Lines of windows that lie within the input, with what is read behind them.
static void point_at_lines(
    const void *context, int64_t first, int count, int max_rows, const void **pointers) {
  const source *s = context;
  const zoo_conv_shape *shape = s->shape;
  const int64_t taps = conv_volume(shape->kernel), width = shape->kernel[2];
  const int64_t line = (depth_of(shape) * width + 3) / 4 * 4;
  zoo_qplace at = zoo_qplace_of(shape, first);
  for (int i = 0; i < count; i++, advance(shape, &at)) {
    pointers[i] = NULL;
    if (!is_inside(shape, &at)) continue;
    const uint8_t *from = channels_at(s, at.image, at.z, at.y, at.x);
    if (s->end - (from + s->offsets[taps - width]) < line) continue;
    const void **to = pointers + i;
    for (int64_t t = 0; t < taps; t += width, to += max_rows) *to = from + s->offsets[t];
  }
}

enum { SHORT = 32 };

/// Whether a window lies within the input and each of its lines is one run of bytes.
static int is_joined(const zoo_conv_shape *shape, const zoo_qplace *at) {
  return shape->groups == 1 && (shape->dilation[2] == 1 || shape->kernel[2] == 1) &&
         is_inside(shape, at);
}

/// Copies the lines of a window that is joined. Short ones are copied as SHORT bytes where there are so many on both
/// sides: what is too much is overwritten by what comes next.
static uint8_t *copy_lines(
    const source *s, const zoo_qplace *at, uint8_t *to, const uint8_t *to_end) {
  const zoo_conv_shape *shape = s->shape;
  const int64_t count = depth_of(shape) * shape->kernel[2];
  const int64_t row = shape->in_channels * shape->input[2];
  const uint8_t *first = channels_at(s, at->image, at->z, at->y, at->x);
  for (int64_t z = 0; z < shape->kernel[0]; z++) {
    const uint8_t *from = first + z * shape->dilation[0] * shape->input[1] * row;
    for (int64_t y = 0; y < shape->kernel[1]; y++, from += shape->dilation[1] * row, to += count) {
      if (count <= SHORT && s->end - from >= SHORT && to_end - to >= SHORT) {
        memcpy(to, from, SHORT);
      } else {
        memcpy(to, from, (size_t)count);
      }
    }
  }
  return to;
}

/// Copies the taps of any window one by one; `aligned`: each line begins with a group of four.
static uint8_t *copy_each(const source *s, const zoo_qplace *at, int aligned, uint8_t *to) {
  const zoo_conv_shape *shape = s->shape;
  const size_t depth = (size_t)depth_of(shape);
  for (int64_t z = 0; z < shape->kernel[0]; z++) {
    for (int64_t y = 0; y < shape->kernel[1]; y++) {
      for (int64_t x = 0; x < shape->kernel[2]; x++, to += depth) {
        const uint8_t *from = channels_at(
            s, at->image, at->z + z * shape->dilation[0], at->y + y * shape->dilation[1],
            at->x + x * shape->dilation[2]);
        if (from == s->padding) {
          memset(to, s->padding[0], depth);
        } else {
          memcpy(to, from, depth);
        }
      }
      for (int64_t bytes = (int64_t)depth * shape->kernel[2]; aligned && bytes % 4 != 0; bytes++) {
        *to++ = 0;
      }
    }
  }
  return to;
}

/// Rows of which `point_at_lines` can point at none.
static void copy_aligned(const void *context, int64_t first, int count, uint8_t *to, int64_t ld) {
  const source *s = context;
  zoo_qplace at = zoo_qplace_of(s->shape, first);
  for (int i = 0; i < count; i++, to += ld) {
    copy_each(s, &at, 1, to);
    advance(s->shape, &at);
  }
}

static void copy_taps(const void *context, int64_t first, int count, uint8_t *to, int64_t ld) {
  const source *s = context;
  const uint8_t *to_end = to + count * ld;
  zoo_qplace at = zoo_qplace_of(s->shape, first);
  for (int i = 0; i < count; i++, to += ld) {
    uint8_t *end = is_joined(s->shape, &at) ? copy_lines(s, &at, to, to_end) : copy_each(s, &at, 0, to);
    for (; end < to + ld; end++) *end = 0;
    advance(s->shape, &at);
  }
}

// MARK: Running

static int is_plain(const zoo_conv_shape *shape) {
  for (int axis = 0; axis < 3; axis++) {
    if (shape->kernel[axis] != 1 || shape->stride[axis] != 1 || shape->pad[axis] != 0 ||
        shape->input[axis] != shape->output[axis]) {
      return 0;
    }
  }
  return 1;
}

typedef struct {
  zoo_qproduct base;
  const zoo_conv_shape *shape;
  const uint8_t *input, *padding;
  const int64_t *offsets;
  int max_threads;
} conv_job;

static void run_groups(void *context, int64_t begin, int64_t end) {
  const conv_job *job = context;
  const zoo_conv_shape *shape = job->shape;
  const int64_t size = job->base.target->kind <= ZOO_QOUT_F32 ? 4 : 1;
  for (int64_t group = begin; group < end; group++) {
    const int64_t first = group * job->base.n;
    const source from = {
        shape, job->input + group * depth_of(shape), job->input + input_bytes(shape), job->padding,
        is_plain(shape), job->offsets};
    zoo_qproduct p = job->base;
    zoo_qtarget target = *p.target;
    p.source = &from;
    p.target = &target;
    p.packed += group * group_words(p.kernels, shape);
    p.c = (char *)p.c + first * size;
    if (target.bias) target.bias += first;
    if (target.epilogue.bias) target.epilogue.bias += first;
    if (target.epilogue.residual) target.epilogue.residual += first;
    if (target.residual) target.residual = (const char *)target.residual + first;
    if (p.b_side.zero_per_line) p.b_side.zero = (const char *)p.b_side.zero + first;
    if (p.b_side.scale_per_line) p.b_side.scale += first;
    zoo_qproduct_run(&p, job->max_threads);
  }
}

typedef struct {
  const uint8_t *x;
  uint8_t *y;
} flip_job;

static void flip(void *context, int64_t begin, int64_t end) {
  const flip_job *job = context;
  for (int64_t i = begin; i < end; i++) job->y[i] = job->x[i] ^ 0x80;
}

typedef struct {
  const zoo_conv_shape *from, *to;
  const uint8_t *x;
  uint8_t *y;
  uint8_t zero;
} pad_job;

/// Lines begin ..< end of the padded input.
static void pad_lines(void *context, int64_t begin, int64_t end) {
  const pad_job *j = context;
  const zoo_conv_shape *from = j->from, *to = j->to;
  const int64_t channels = from->in_channels, bytes = to->input[2] * channels;
  const int64_t left = lesser(from->pad[2], to->input[2]) * channels;
  const int64_t count = lesser(from->input[2] * channels, bytes - left);
  for (int64_t i = begin; i < end; i++) {
    const int64_t y = i % to->input[1] - from->pad[1];
    const int64_t z = i / to->input[1] % to->input[0] - from->pad[0];
    const int64_t image = i / to->input[1] / to->input[0];
    uint8_t *line = j->y + i * bytes;
    if (y < 0 || y >= from->input[1] || z < 0 || z >= from->input[0]) {
      memset(line, j->zero, (size_t)bytes);
      continue;
    }
    const int64_t row = (image * from->input[0] + z) * from->input[1] + y;
    memset(line, j->zero, (size_t)left);
    memcpy(line + left, j->x + row * from->input[2] * channels, (size_t)count);
    memset(line + left + count, j->zero, (size_t)(bytes - left - count));
  }
}

void zoo_qconv_run(
    zoo_isa isa, const zoo_conv_shape *shape, const void *input, zoo_qside input_side,
    const void *packed, zoo_qside weights_side, void *output, const zoo_qtarget *target,
    void *scratch, int max_threads) {
  const int64_t m = shape->batch * conv_volume(shape->output);
  if (m <= 0 || shape->out_channels <= 0) return;
  if (input_side.is_signed) {
    flip_job job = {input, scratch};
    zoo_parallel_for(input_bytes(shape), 1 << 16, max_threads, flip, &job);
    input = scratch;
    scratch = job.y + whole_lines((size_t)input_bytes(shape));
  }
  uint8_t padding[PADDING_BYTES], zero = 0;
  if (input_side.zero) zero = *(const uint8_t *)input_side.zero;
  if (input_side.is_signed) zero ^= 0x80;
  memset(padding, zero, (size_t)lesser(shape->in_channels + BEHIND, PADDING_BYTES));
  const int is_wide = is_padded(shape);
  const zoo_conv_shape wide = is_wide ? padded(shape) : *shape;
  if (is_wide) {
    pad_job job = {shape, &wide, input, scratch, zero};
    const int64_t lines = wide.batch * wide.input[0] * wide.input[1];
    const int64_t bytes = wide.input[2] * wide.in_channels;
    zoo_parallel_for(lines, greater(1, (1 << 16) / greater(bytes, 1)), max_threads, pad_lines, &job);
    memset(job.y + input_bytes(&wide), 0, BEHIND);
    input = scratch;
    shape = &wide;
  }
  int64_t offsets[MAX_TAPS];
  if (conv_volume(shape->kernel) <= MAX_TAPS) set_offsets(shape, offsets);
  zoo_qtarget channels_last = *target;
  channels_last.epilogue.residual_ld = shape->out_channels;
  const zoo_qpanels layout = layout_of(shape, 1);
  const int64_t k = layout.segments * layout.length, segments = layout.segments / layout.run;
  const int lines = reads_lines(shape), taps = is_indirect(shape);
  conv_job job = {
      .base = {.kernels = zoo_qgemm_table(isa), .m = m, .n = columns_of(shape), .k = k,
               .segments = segments, .groups = zoo_qpanels_groups(&layout) / segments,
               .point = taps ? point_at_taps : is_wide ? point_within : lines ? point_at_lines : NULL,
               .copy = taps || is_wide ? NULL : lines ? copy_aligned : copy_taps, .packed = packed,
               .a_side = input_side, .b_side = weights_side, .target = &channels_last, .c = output,
               .ldc = shape->out_channels},
      .shape = shape, .input = input, .padding = padding, .offsets = offsets,
      .max_threads = max_threads};
  if (zoo_qconv_is_depthwise(shape)) {
    const source from = {shape, input, NULL, padding, 0, offsets};
    job.base.n = shape->out_channels;
    job.base.segments = layout.segments;
    job.base.point = point_at_taps;
    job.base.source = &from;
    zoo_qconv_depthwise_run(&job.base, shape, input, zero, max_threads);
  } else if (shape->groups == 1) {
    run_groups(&job, 0, 1);
  } else {
    zoo_parallel_for(shape->groups, 1, max_threads, run_groups, &job);
  }
}
