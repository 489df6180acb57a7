// Drives the 8-bit kernels: shifts bytes to what they multiply (u8 × s8), packs them in groups along k, and keeps the
// sums that zero points need.
//
// In C for the same reason as its f32 counterpart: it is the loop between packing and micro-kernels.
#include "qgemm.h"

#include <string.h>

#include "conv_f32.h"
#include "gemm_f32.h"
#include "thread_scratch.h"
#include "zoo_threads.h"

enum { MAX_ROWS = 12, MAX_COLUMNS = 32, A_BYTES = 1 << 18, MIN_STEPS_PER_THREAD = 1 << 20 };

static int64_t lesser(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t greater(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

const zoo_qgemm_kernels *zoo_qgemm_table(zoo_isa isa) {
  switch (isa) {
#if defined(__x86_64__)
  case ZOO_ISA_AVX512:
    return __builtin_cpu_supports("avx512vnni") ? &zoo_qgemm_vnni : &zoo_qgemm_avx512;
  case ZOO_ISA_AVX2: return &zoo_qgemm_avx2;
#elif defined(__aarch64__)
  case ZOO_ISA_NEON: return &zoo_qgemm_neon;
#endif
  default: return &zoo_qgemm_portable;
  }
}

static int64_t groups_of(const zoo_qgemm_kernels *kernels, int64_t k) {
  return divide_up(k, kernels->group);
}

// MARK: Packing

/// words[groups][rows], sums[rows] from `rows` rows of A. `wide`: memory for rows · groups words.
static void pack_rows(
    const zoo_qgemm_kernels *kernels, int64_t k, int rows, const uint8_t *a, int64_t lda,
    int is_signed, int32_t *wide, int32_t *sums, int32_t *words) {
  const int64_t groups = groups_of(kernels, k);
  const uint8_t flip = is_signed ? 0x80 : 0;
  for (int i = 0; i < rows; i++) {
    const uint8_t *from = a + i * lda;
    uint32_t sum = 0;
    if (groups > 0) wide[(i + 1) * groups - 1] = 0;
    if (kernels->group == 4) {
      uint8_t *to = (uint8_t *)(wide + i * groups);
      for (int64_t p = 0; p < k; p++) {
        const uint8_t x = from[p] ^ flip;
        to[p] = x;
        sum += x;
      }
    } else {
      int16_t *to = (int16_t *)(wide + i * groups);
      for (int64_t p = 0; p < k; p++) {
        const uint8_t x = from[p] ^ flip;
        to[p] = x;
        sum += x;
      }
    }
    sums[i] = (int32_t)sum;
  }
  // Words are transposed as if they were floats; moving does not look at them.
  zoo_gemm_f32_pack_rows(groups, rows, rows, (const float *)wide, groups, (float *)words);
}

/// sums[columns of the kernel], then [groups][columns][group] from `columns` columns of B; element (p, j) is at
/// b[p · row + j · column].
static void pack_panel(
    const zoo_qgemm_kernels *kernels, int64_t k, int columns, const uint8_t *b, int64_t row,
    int64_t column, int is_signed, int32_t *panel) {
  const int width = kernels->columns, group = kernels->group;
  const uint8_t flip = is_signed ? 0 : 0x80;
  int32_t *sums = panel;
  int8_t *out = (int8_t *)(panel + width);
  uint32_t totals[MAX_COLUMNS] = {0};
  for (int64_t first = 0; first < k; first += group, out += width * group) {
    const int depth = (int)lesser(group, k - first);
    if (depth < group || columns < width) memset(out, 0, (size_t)(width * group));
    for (int t = 0; t < depth; t++) {
      const uint8_t *from = b + (first + t) * row;
      for (int j = 0; j < columns; j++) {
        const int8_t x = (int8_t)(from[j * column] ^ flip);
        out[j * group + t] = x;
        totals[j] += (uint32_t)(int32_t)x;
      }
    }
  }
  memcpy(sums, totals, (size_t)width * sizeof(int32_t));
}

/// int32 words of a panel of B with its sums.
static int64_t panel_words(const zoo_qgemm_kernels *kernels, int64_t k) {
  return kernels->columns + groups_of(kernels, k) * kernels->columns * kernels->group / 4;
}

size_t zoo_qgemm_packed_bytes(zoo_isa isa, int64_t k, int64_t n) {
  const zoo_qgemm_kernels *kernels = zoo_qgemm_table(isa);
  return (size_t)(divide_up(n, kernels->columns) * panel_words(kernels, k)) * 4;
}

void zoo_qgemm_pack(
    zoo_isa isa, int64_t k, int64_t n, const void *b, int64_t ldb, int transposed, int is_signed,
    void *packed) {
  const zoo_qgemm_kernels *kernels = zoo_qgemm_table(isa);
  const int64_t row = transposed ? 1 : ldb, column = transposed ? ldb : 1;
  int32_t *out = packed;
  for (int64_t j = 0; j < n; j += kernels->columns, out += panel_words(kernels, k)) {
    pack_panel(
        kernels, k, (int)lesser(kernels->columns, n - j), (const uint8_t *)b + j * column, row,
        column, is_signed, out);
  }
}

// MARK: Products

/// A product whose A is either packed row tile by row tile (`packed_a`: sums[max_rows] and words of each) or raw, and
/// whose B is either packed or gathered for a convolution.
typedef struct {
  const zoo_qgemm_kernels *kernels;
  int64_t m, n, k;
  const uint8_t *a;
  int64_t lda;
  const int32_t *packed_a, *packed_b;
  const zoo_conv_shape *shape;  // with `group`: what B is gathered from
  const uint8_t *group;
  zoo_qside a_side, b_side;
  const zoo_qtarget *target;
  void *c;
  int64_t ldc;
  int64_t rows, columns, across;  // of a block; blocks side by side
} product;

static int32_t zero_of(const zoo_qside *side, int64_t line) {
  if (!side->zero) return 0;
  const int64_t i = side->zero_per_line ? line : 0;
  return side->is_signed ? ((const int8_t *)side->zero)[i] : ((const uint8_t *)side->zero)[i];
}

static float scale_of(const zoo_qside *side, int64_t line) {
  return side->scale ? side->scale[side->scale_per_line ? line : 0] : 1;
}

typedef struct {
  int32_t row_zeros[MAX_ROWS], column_zeros[MAX_COLUMNS];
  float row_scales[MAX_ROWS], column_scales[MAX_COLUMNS];
} lines;

static void set_columns(const product *p, int64_t first, int count, lines *l) {
  for (int j = 0; j < MAX_COLUMNS; j++) {
    const int64_t line = first + (j < count ? j : 0);
    l->column_zeros[j] = zero_of(&p->b_side, line) - (p->b_side.is_signed ? 0 : 128);
    l->column_scales[j] = scale_of(&p->b_side, line);
  }
}

static void set_rows(const product *p, int64_t first, int count, lines *l) {
  for (int i = 0; i < count; i++) {
    l->row_zeros[i] = zero_of(&p->a_side, first + i) + (p->a_side.is_signed ? 128 : 0);
    l->row_scales[i] = scale_of(&p->a_side, first + i);
  }
}

static void store(
    const product *p, const int32_t *tile, int64_t row, int rows, int64_t column, int columns,
    const int32_t *row_sums, const int32_t *column_sums, const lines *l) {
  const zoo_qtarget *t = p->target;
  const int64_t size = t->kind <= ZOO_QOUT_F32 ? 4 : 1;
  zoo_qtile_target target = {
      .kind = t->kind, .c_signed = t->kind == ZOO_QOUT_S8, .row_terms = row_sums,
      .column_terms = column_sums, .row_zeros = l->row_zeros, .column_zeros = l->column_zeros,
      .k = (int32_t)p->k, .bias_per_row = t->bias_per_row, .row_scales = l->row_scales,
      .column_scales = l->column_scales, .epilogue = t->epilogue, .divisor = t->scale,
      .zero = t->zero, .c = (char *)p->c + (row * p->ldc + column) * size, .ldc = p->ldc};
  if (t->bias) target.bias = t->bias + (t->bias_per_row ? row : column);
  zoo_epilogue *e = &target.epilogue;
  if (e->bias) e->bias += e->bias_per_row ? row : column;
  if (e->residual) e->residual += row * e->residual_ld + column;
  p->kernels->finish(tile, rows, columns, &target);
}

/// The panel of B from `column` on: packed already, or gathered into `scratch`.
static const int32_t *panel_at(const product *p, int64_t column, int columns, int32_t *scratch) {
  const zoo_qgemm_kernels *kernels = p->kernels;
  if (p->packed_b) return p->packed_b + column / kernels->columns * panel_words(kernels, p->k);
  uint8_t *gathered = (uint8_t *)(scratch + panel_words(kernels, p->k));
  zoo_conv_gather_u8(
      p->shape, p->group, column, columns, kernels->columns, 0, p->k,
      (uint8_t)zero_of(&p->b_side, 0), gathered);
  pack_panel(
      kernels, p->k, kernels->columns, gathered, kernels->columns, 1, p->b_side.is_signed, scratch);
  return scratch;
}

static void run_block(const product *p, int64_t m0, int64_t m1, int64_t n0, int64_t n1) {
  const zoo_qgemm_kernels *kernels = p->kernels;
  const int64_t groups = groups_of(kernels, p->k), max_rows = kernels->max_rows;
  const int64_t tile_words = max_rows + groups * max_rows;
  const int64_t a_words = p->packed_a ? 0 : divide_up(m1 - m0, max_rows) * tile_words;
  const int64_t b_words =
      p->packed_b ? 0 : panel_words(kernels, p->k) + divide_up(p->k * kernels->columns, 4);
  const int64_t wide_words = p->packed_a ? 0 : max_rows * groups;
  int32_t *scratch = zoo_thread_scratch((size_t)(a_words + b_words + wide_words + 16) * 4);
  int32_t *b_scratch = scratch + a_words, *wide = b_scratch + b_words;
  for (int64_t i = m0; i < m1 && !p->packed_a; i += max_rows) {
    int32_t *at = scratch + (i - m0) / max_rows * tile_words;
    pack_rows(
        kernels, p->k, (int)lesser(max_rows, m1 - i), p->a + i * p->lda, p->lda,
        p->a_side.is_signed, wide, at, at + max_rows);
  }
  const int32_t *a = p->packed_a ? p->packed_a + m0 / max_rows * tile_words : scratch;
  int32_t tile[MAX_ROWS * MAX_COLUMNS] __attribute__((aligned(64)));
  lines l;
  for (int64_t j = n0; j < n1; j += kernels->columns) {
    const int columns = (int)lesser(kernels->columns, n1 - j);
    const int32_t *panel = panel_at(p, j, columns, b_scratch);
    set_columns(p, j, columns, &l);
    for (int64_t i = m0; i < m1; i += max_rows) {
      const int rows = (int)lesser(max_rows, m1 - i);
      const int32_t *left = a + (i - m0) / max_rows * tile_words;
      set_rows(p, i, rows, &l);
      kernels->tile(
          groups, rows, left + max_rows, (const int8_t *)(panel + kernels->columns), tile);
      store(p, tile, i, rows, j, columns, left, panel, &l);
    }
  }
}

static void run_blocks(void *context, int64_t begin, int64_t end) {
  const product *p = context;
  for (int64_t i = begin; i < end; i++) {
    const int64_t m0 = i / p->across * p->rows, n0 = i % p->across * p->columns;
    run_block(p, m0, lesser(p->m, m0 + p->rows), n0, lesser(p->n, n0 + p->columns));
  }
}

static void solve(product *p, int max_threads) {
  if (p->m <= 0 || p->n <= 0) return;
  const zoo_qgemm_kernels *kernels = p->kernels;
  int64_t threads = zoo_threads_available();
  if (max_threads > 0) threads = lesser(threads, max_threads);
  const double steps = (double)p->m * (double)p->n * (double)greater(p->k, 1);
  if (steps / MIN_STEPS_PER_THREAD < (double)threads) {
    threads = greater(1, (int64_t)(steps / MIN_STEPS_PER_THREAD));
  }
  p->rows = p->m;
  p->columns = p->n;
  if (!p->packed_a) {
    const int64_t rows = A_BYTES / greater(4 * groups_of(kernels, p->k), 64);
    p->rows = greater(rows / kernels->max_rows, 1) * kernels->max_rows;
  }
  const int64_t wanted = threads > 1 ? threads * 4 : 1;
  while (divide_up(p->m, p->rows) * divide_up(p->n, p->columns) < wanted) {
    const int64_t high = divide_up(lesser(p->m, p->rows), kernels->max_rows);
    const int64_t wide = divide_up(lesser(p->n, p->columns), kernels->columns);
    if (high <= 1 && wide <= 1) break;
    if (wide >= high) {
      p->columns = divide_up(wide, 2) * kernels->columns;
    } else {
      p->rows = divide_up(high, 2) * kernels->max_rows;
    }
  }
  p->across = divide_up(p->n, p->columns);
  zoo_parallel_for(divide_up(p->m, p->rows) * p->across, 1, (int)threads, run_blocks, p);
}

void zoo_qgemm_run(
    zoo_isa isa, int64_t m, int64_t n, int64_t k, const void *a, int64_t lda, zoo_qside a_side,
    const void *packed, zoo_qside b_side, void *c, int64_t ldc, const zoo_qtarget *target,
    int max_threads) {
  product p = {
      .kernels = zoo_qgemm_table(isa), .m = m, .n = n, .k = k, .a = a, .lda = lda, .packed_b = packed,
      .a_side = a_side, .b_side = b_side, .target = target, .c = c, .ldc = ldc};
  solve(&p, max_threads);
}

// MARK: Convolutions

static int64_t depth_of(const zoo_conv_shape *shape) {
  return shape->in_channels / shape->groups * conv_volume(shape->kernel);
}

/// int32 words of one group's weights.
static int64_t group_words(const zoo_qgemm_kernels *kernels, const zoo_conv_shape *shape) {
  const int64_t groups = groups_of(kernels, depth_of(shape));
  const int64_t tiles = divide_up(shape->out_channels / shape->groups, kernels->max_rows);
  return tiles * (kernels->max_rows + groups * kernels->max_rows);
}

size_t zoo_qconv_packed_bytes(zoo_isa isa, const zoo_conv_shape *shape) {
  return (size_t)(group_words(zoo_qgemm_table(isa), shape) * shape->groups) * 4;
}

void zoo_qconv_pack(
    zoo_isa isa, const zoo_conv_shape *shape, const void *weights, int is_signed, void *packed) {
  const zoo_qgemm_kernels *kernels = zoo_qgemm_table(isa);
  const int64_t k = depth_of(shape), groups = groups_of(kernels, k);
  const int64_t rows = shape->out_channels / shape->groups;
  int32_t *out = packed;
  int32_t *wide = zoo_thread_scratch((size_t)(kernels->max_rows * groups + 16) * 4);
  for (int64_t group = 0; group < shape->groups; group++) {
    for (int64_t i = 0; i < rows; i += kernels->max_rows) {
      pack_rows(
          kernels, k, (int)lesser(kernels->max_rows, rows - i),
          (const uint8_t *)weights + (group * rows + i) * k, k, is_signed, wide, out,
          out + kernels->max_rows);
      out += kernels->max_rows + groups * kernels->max_rows;
    }
  }
}

typedef struct {
  product base;
  const uint8_t *input;
  int max_threads;
} conv_job;

static void run_groups(void *context, int64_t begin, int64_t end) {
  const conv_job *job = context;
  const zoo_conv_shape *shape = job->base.shape;
  const int64_t channels = shape->in_channels / shape->groups;
  const int64_t size = job->base.target->kind <= ZOO_QOUT_F32 ? 4 : 1;
  for (int64_t i = begin; i < end; i++) {
    const int64_t group = i % shape->groups, first = group * job->base.m;
    product p = job->base;
    zoo_qtarget target = *p.target;
    p.target = &target;
    p.group = job->input + i * channels * conv_volume(shape->input);
    p.packed_a += group * group_words(p.kernels, shape);
    p.c = (char *)p.c + i * p.m * p.n * size;
    if (target.bias) target.bias += first;
    if (target.epilogue.bias) target.epilogue.bias += first;
    if (target.epilogue.residual) target.epilogue.residual += i * p.m * p.n;
    if (p.a_side.zero_per_line) p.a_side.zero = (const char *)p.a_side.zero + first;
    if (p.a_side.scale_per_line) p.a_side.scale += first;
    solve(&p, job->max_threads);
  }
}

void zoo_qconv_run(
    zoo_isa isa, const zoo_conv_shape *shape, const void *input, zoo_qside input_side,
    const void *packed, zoo_qside weights_side, void *output, const zoo_qtarget *target,
    int max_threads) {
  const int64_t n = conv_volume(shape->output);
  zoo_qtarget by_row = *target;
  by_row.bias_per_row = by_row.epilogue.bias_per_row = 1;
  by_row.epilogue.residual_ld = n;
  conv_job job = {
      .base = {.kernels = zoo_qgemm_table(isa), .m = shape->out_channels / shape->groups, .n = n,
               .k = depth_of(shape), .packed_a = packed, .shape = shape, .a_side = weights_side,
               .b_side = input_side, .target = &by_row, .c = output, .ldc = n},
      .input = input, .max_threads = max_threads};
  const int64_t products = shape->batch * shape->groups;
  if (products == 1) {
    run_groups(&job, 0, 1);
  } else {
    zoo_parallel_for(products, 1, max_threads, run_groups, &job);
  }
}
