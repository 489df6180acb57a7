#pragma once
#include <stdint.h>

#include "zoo_blocked.h"
#include "zoo_code_blocks.h"
#include "zoo_qgemm.h"
#include "zoo_qplane.h"

enum { ZOO_QGEMM_MAX_ROWS = 12, ZOO_QGEMM_MAX_COLUMNS = 32 };

/// A rectangle of C for a finishing kernel. All pointers are at its first row and column; what is given per column has
/// readable memory up to a whole number of vectors.
typedef struct {
  const zoo_qtarget *target;
  int is_moderate;              // see zoo_qcolumns
  const int32_t *column_terms;  // Σ of each column's bytes, for zero points per row; NULL: all rows share one
  const int32_t *row_zeros;
  const int32_t *row_terms;     // Σ (byte − zero point) of each row, for zero points of columns; NULL: they are 0
  const int32_t *column_zeros;
  const float *column_scales;   // per column, of the result's codes where sums become those at once
  const float *row_scales;      // NULL: contained in `column_scales`
  const float *bias, *residual;
  const uint8_t *residual_bytes;
  void *c;
  int64_t ldc;
} zoo_qtile_target;

/// Four taps of a row of taps, see `zoo_qconv_interleaved_run`.
typedef struct {
  const uint8_t *pixels;  // of the first output
  const int8_t *weights;  // [columns][4]
} zoo_qtap;

/// What one instruction set brings. Bytes of A are unsigned, bytes of B signed, four along k together:
/// B is packed as [k / 4][columns][4].
typedef struct {
  int max_rows, columns;
  int wide;  // rows of A are given as 16-bit numbers
  /// tile[rows][columns] = offsets[columns] + Σ over `segments` of rows, each of `groups` times four numbers. Segment s
  /// of row i is at a[s · max_rows + i].
  void (*tile)(
      int64_t segments, int64_t groups, int rows, const void *const *a, const int8_t *b,
      const int32_t *offsets, int32_t *tile);
  void (*finish)(const int32_t *tile, int rows, int columns, const zoo_qtile_target *target);
  void (*widen)(int64_t count, const uint8_t *x, int16_t *y);
  /// The sum of `count` bytes.
  int32_t (*sum)(int64_t count, const uint8_t *x);
  /// tile[rows][columns], of which `channels` count: offsets[c] + Σ over `taps` of
  /// a[t · max_rows + i][first + c] · weights[t · ld + c].
  void (*depthwise)(
      int taps, int rows, const void *const *a, int64_t first, int channels, const int32_t *weights,
      int64_t ld, const int32_t *offsets, int32_t *tile);
  /// tile[rows][columns], of which `channels` count: offsets[c] + Σ over `taps` and their four pixels, those of the next
  /// row `step` bytes on. NULL: there is `depthwise` only.
  void (*interleaved_tile)(
      int rows, int channels, int taps, const zoo_qtap *tap, int64_t step, const int32_t *offsets,
      int32_t *tile);
  /// to[count][columns][4]: of `channels` the pixels at from + i · step, and three more, `apart` bytes apart.
  void (*interleave)(
      int64_t count, const uint8_t *from, int64_t step, int64_t apart, int channels, uint8_t *to);
  /// sums[c] += Σ (rows[t][c] ^ flip) over at most 256 `taps`.
  void (*accumulate)(
      int taps, int64_t channels, const uint8_t *const *rows, uint8_t flip, int32_t *sums);
  /// most[c] = the greatest of most[c] and rows[t][c] ^ flip over `taps`.
  void (*greatest)(
      int taps, int64_t channels, const uint8_t *const *rows, uint8_t flip, uint8_t *most);
  /// real[i] = (codes[i] − zero) · scale
  void (*reals)(const zoo_qform *form, int64_t count, const uint8_t *codes, float *real);
  /// c[i] = a[i] and b[i] joined; an operand may be given as real numbers instead.
  void (*join)(
      const zoo_qjoin *join, int64_t count, const uint8_t *a, const float *real_a,
      const uint8_t *b, const float *real_b, uint8_t *c);
  /// The least and the greatest of x and 0.
  void (*range)(int64_t count, const float *x, float *low, float *high);
  /// y = round(x / scale) + zero, saturated to 0 ... 255; ties to even, NaN to 0.
  void (*quantize)(int64_t count, const float *x, float scale, float zero, uint8_t *y);

  // 8-bit numbers as f32, see `zoo_code_blocks.h`; `pixels` of 16 lanes, side by side.
  /// What becomes of sums x; `lane`: the first channel of the block. `residual` lies as x does, or is NULL.
  void (*finish_block)(
      const zoo_code_sums *sums, int64_t lane, int pixels, const float *residual, float *x);
  /// `a_step`, `b_step`: floats from one pixel of an operand to the next.
  void (*join_block)(
      const zoo_qjoin *join, int64_t pixels, const float *a, int64_t a_step, const float *b,
      int64_t b_step, float *c);
  /// y = round(x / scale) between low and low + 255; NaN is 0 before.
  void (*quantize_block)(int64_t count, const float *x, float scale, float low, float *y);
  /// `channels` ≤ 16 bytes of pixels `step` bytes apart; the other lanes become those of bytes 0.
  void (*block_from_bytes)(
      int64_t pixels, int channels, const uint8_t *from, int64_t step, int is_signed, int32_t zero,
      float *to);
  void (*block_to_bytes)(
      int64_t pixels, int channels, const float *from, int is_signed, int32_t zero, uint8_t *to,
      int64_t step);
} zoo_qgemm_kernels;

/// The kernels of `isa`, with VNNI if the CPU has it.
const zoo_qgemm_kernels *zoo_qgemm_table(zoo_isa isa);

/// A product C[m, n] whose rows of A are found, or made, when they are needed.
typedef struct {
  const zoo_qgemm_kernels *kernels;
  int64_t m, n;
  int64_t k;                 // bytes of a row that count
  int64_t segments, groups;  // of a row: k, each segment rounded up to groups of four
  /// Where the segments of rows first ..< first + count are: pointers[segment · max_rows + row]. The first of a row is NULL
  /// if it has to be copied. NULL: all rows are copied.
  void (*point)(const void *source, int64_t first, int count, int max_rows, const void **pointers);
  /// Copies rows to `to`, `ld` bytes apart. NULL: none has to be.
  void (*copy)(const void *source, int64_t first, int count, uint8_t *to, int64_t ld);
  const void *source;
  const int32_t *packed;     // panels of B
  zoo_qside a_side, b_side;  // A is unsigned; `is_signed` tells how its zero points are given
  const zoo_qtarget *target;
  void *c;
  int64_t ldc;
} zoo_qproduct;

void zoo_qproduct_run(const zoo_qproduct *product, int max_threads);

/// What kernels read for columns.
typedef struct {
  int32_t *offsets;  // added to the sums
  int32_t *zeros;
  float *scales, *bias;
  int is_moderate;   // no sum can become a number beyond ±2³⁰ by these scales and biases; 2: nor one of so many codes
} zoo_qcolumns;

/// Fills the scales and biases of `lines` for columns first ..< first + count, in units of `zoo_qtarget_unit`.
void zoo_qscales_set(
    const zoo_qside *a_side, const zoo_qside *b_side, const zoo_qtarget *target, int64_t first,
    int64_t count, zoo_qcolumns *lines);

/// Fills `lines` for columns first ..< first + count of C, whose bytes of B have these sums.
void zoo_qcolumns_set(
    const zoo_qproduct *product, const zoo_qtarget *target, int64_t first, int64_t count,
    const int32_t *sums, zoo_qcolumns *lines);

/// Whether sums become codes by one scale and one bias per column, in units of the codes.
static inline int zoo_qtarget_is_scaled(const zoo_qtarget *target) {
  return target->kind > ZOO_QOUT_F32 &&
         (!target->through_real ||
          (target->inner.scale == 0 && !target->residual && !target->epilogue.residual &&
           !target->is_stretched && target->epilogue.activation.kind == ZOO_ACTIVATION_NONE));
}

/// Whether sums become codes, which are added to other codes and rounded, and nothing else. The numbers are then kept
/// in units of the result's codes, which takes no division:
///
///     c = round(code · (inner.scale / scale) + (residual − residual_zero) · (residual_scale / scale)) + zero
///
/// without an inner code: round(sum · (a_scale · b_scale / scale) + bias / scale + …).
static inline int zoo_qtarget_adds_codes(const zoo_qtarget *target) {
  return target->kind > ZOO_QOUT_F32 && target->through_real && target->residual &&
         !target->is_stretched && target->epilogue.activation.kind == ZOO_ACTIVATION_NONE;
}

/// What numbers are divided by before they are first rounded.
static inline float zoo_qtarget_unit(const zoo_qtarget *target) {
  if (zoo_qtarget_is_scaled(target)) return target->scale;
  if (target->through_real && target->inner.scale != 0) return target->inner.scale;
  return zoo_qtarget_adds_codes(target) ? target->scale : 1;
}

/// Whether what a target says keeps moderate numbers within ±2³⁰ where they are added to, and far from the greatest and
/// the least numbers where they are activated.
static inline int zoo_qtarget_is_moderate(const zoo_qtarget *target) {
  const float limit = 0x1p20f * target->scale, most = 0x1p40f;
  if (zoo_qtarget_adds_codes(target)) {
    return target->inner.scale < limit && target->residual_scale < limit;
  }
  if (target->residual || target->epilogue.residual || target->inner.scale != 0) return 0;
  const zoo_activation *a = &target->epilogue.activation;
  return target->scale > 1 / most && target->scale < most && a->a > -most && a->a < most &&
         a->b > -most && a->b < most &&
         (!target->is_stretched || (target->factor > -most && target->factor < most &&
                                    target->addend > -most && target->addend < most));
}

/// The target with bounds for its codes and the reciprocal of its scale.
zoo_qtarget zoo_qtarget_completed(const zoo_qtarget *target);

/// int32 words of all panels of a B of `n` columns whose rows have `groups` groups of four.
int64_t zoo_qpanels_words(const zoo_qgemm_kernels *kernels, int64_t groups, int64_t n);

/// Packs columns of B that consist of `segments` segments of `length` bytes: byte p of segment s of column j is at
/// b[s · segment + p · row + j · column].
typedef struct {
  int64_t segments, length;
  int64_t segment, row, column;
  int is_signed;
  int64_t run;  // so many segments follow each other without gaps; then the next begins with a group of four
} zoo_qpanels;
int64_t zoo_qpanels_groups(const zoo_qpanels *layout);
void zoo_qpanels_pack(
    const zoo_qgemm_kernels *kernels, const zoo_qpanels *layout, int64_t n, const uint8_t *b,
    int32_t *packed);

// Where each output channel reads one input channel: channel by channel.
int zoo_qconv_is_depthwise(const zoo_conv_shape *shape);
size_t zoo_qconv_depthwise_packed_bytes(
    const zoo_qgemm_kernels *kernels, const zoo_conv_shape *shape);
void zoo_qconv_depthwise_pack(
    const zoo_qgemm_kernels *kernels, const zoo_conv_shape *shape, const void *weights,
    int is_signed, void *packed);
/// `product` points at the taps of an element; its segments are they. `input` holds unsigned bytes.
void zoo_qconv_depthwise_run(
    const zoo_qproduct *product, const zoo_conv_shape *shape, const uint8_t *input, uint8_t zero,
    int max_threads);

// The same with sums of four bytes: neighbouring pixels of a row of the input are interleaved, so that one instruction
// adds four taps.
int zoo_qconv_is_interleaved(const zoo_qgemm_kernels *kernels, const zoo_conv_shape *shape);
size_t zoo_qconv_interleaved_bytes(const zoo_qgemm_kernels *kernels, const zoo_conv_shape *shape);
/// The weight of channel `channel` and tap `tap` among those bytes, which are zeros before all have been set.
int32_t zoo_qconv_interleaved_weight(
    const zoo_qgemm_kernels *kernels, const zoo_conv_shape *shape, const void *packed,
    int64_t channel, int64_t tap);
void zoo_qconv_interleaved_set(
    const zoo_qgemm_kernels *kernels, const zoo_conv_shape *shape, void *packed, int64_t channel,
    int64_t tap, int8_t weight);
/// `weights`: those bytes, with a sum over all taps for each channel in `sums`.
void zoo_qconv_interleaved_run(
    const zoo_qproduct *product, const zoo_conv_shape *shape, const int32_t *sums,
    const int8_t *weights, const uint8_t *input, uint8_t zero, int max_threads);

/// An output element's place, and the input element that its first tap reads.
typedef struct {
  int64_t image, z, y, x;
} zoo_qplace;

static inline zoo_qplace zoo_qplace_of(const zoo_conv_shape *shape, int64_t element) {
  const int64_t x = element % shape->output[2], line = element / shape->output[2];
  const int64_t y = line % shape->output[1], plane = line / shape->output[1];
  return (zoo_qplace){
      plane / shape->output[0],
      plane % shape->output[0] * shape->stride[0] - shape->pad[0],
      y * shape->stride[1] - shape->pad[1], x * shape->stride[2] - shape->pad[2]};
}

extern const zoo_qgemm_kernels zoo_qgemm_portable;
#if defined(__x86_64__)
extern const zoo_qgemm_kernels zoo_qgemm_avx2, zoo_qgemm_avx512, zoo_qgemm_vnni;
#elif defined(__aarch64__)
extern const zoo_qgemm_kernels zoo_qgemm_neon;
#endif
