// Drives the 8-bit kernels: packs B, finds or copies the rows of A, and keeps the sums that zero points need.
//
// In C for the same reason as its f32 counterpart: it is the loop between packing and micro-kernels.
#include "qgemm.h"

#include <string.h>

#include "extents.h"
#include "thread_scratch.h"
#include "zoo_threads.h"

enum { MAX_ROWS = ZOO_QGEMM_MAX_ROWS, MAX_COLUMNS = ZOO_QGEMM_MAX_COLUMNS };
enum { A_BYTES = 1 << 18, MIN_STEPS_PER_THREAD = 1 << 20 };

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

// MARK: Packing B

/// int32 words of a panel with the sums of its columns.
static int64_t panel_words(const zoo_qgemm_kernels *kernels, int64_t groups) {
  return kernels->columns * (1 + groups);
}

int64_t zoo_qpanels_words(const zoo_qgemm_kernels *kernels, int64_t groups, int64_t n) {
  return divide_up(n, kernels->columns) * panel_words(kernels, groups);
}

int64_t zoo_qpanels_groups(const zoo_qpanels *layout) {
  return layout->segments / layout->run * divide_up(layout->run * layout->length, 4);
}

/// sums[columns of the kernel], then [groups][columns][4].
static void pack_panel(
    const zoo_qgemm_kernels *kernels, const zoo_qpanels *layout, int columns, const uint8_t *b,
    int32_t *panel) {
  const int width = kernels->columns;
  const uint8_t flip = layout->is_signed ? 0 : 0x80;
  const int64_t step = divide_up(layout->run * layout->length, 4) * 4;
  uint32_t totals[MAX_COLUMNS] = {0};
  int8_t *out = (int8_t *)(panel + width);
  memset(out, 0, (size_t)(zoo_qpanels_groups(layout) * width * 4));
  for (int64_t segment = 0; segment < layout->segments; segment++) {
    const int64_t start = segment / layout->run * step + segment % layout->run * layout->length;
    for (int64_t p = 0; p < layout->length; p++) {
      const int64_t place = start + p;
      int8_t *to = out + place / 4 * width * 4 + place % 4;
      const uint8_t *from = b + segment * layout->segment + p * layout->row;
      for (int j = 0; j < columns; j++) {
        const int8_t x = (int8_t)(from[j * layout->column] ^ flip);
        to[j * 4] = x;
        totals[j] += (uint32_t)(int32_t)x;
      }
    }
  }
  memcpy(panel, totals, (size_t)width * sizeof(int32_t));
}

void zoo_qpanels_pack(
    const zoo_qgemm_kernels *kernels, const zoo_qpanels *layout, int64_t n, const uint8_t *b,
    int32_t *packed) {
  const int64_t words = panel_words(kernels, zoo_qpanels_groups(layout));
  for (int64_t j = 0; j < n; j += kernels->columns, packed += words) {
    pack_panel(
        kernels, layout, (int)lesser(kernels->columns, n - j), b + j * layout->column, packed);
  }
}

size_t zoo_qgemm_packed_bytes(zoo_isa isa, int64_t k, int64_t n) {
  return (size_t)zoo_qpanels_words(zoo_qgemm_table(isa), divide_up(k, 4), n) * 4;
}

void zoo_qgemm_pack(
    zoo_isa isa, int64_t k, int64_t n, const void *b, int64_t ldb, int transposed, int is_signed,
    void *packed) {
  const zoo_qpanels layout = {
      .segments = 1, .length = k, .row = transposed ? 1 : ldb, .column = transposed ? ldb : 1,
      .is_signed = is_signed, .run = 1};
  zoo_qpanels_pack(zoo_qgemm_table(isa), &layout, n, b, packed);
}

// MARK: Products

/// A product while it is computed: cut into blocks, and with what its sides say looked up.
typedef struct {
  const zoo_qproduct *base;
  zoo_qtarget target;
  int64_t rows, columns, across;  // of a block; blocks side by side
  int has_column_zeros;
} job;

static int32_t zero_of(const zoo_qside *side, int64_t line) {
  if (!side->zero) return 0;
  const int64_t i = side->zero_per_line ? line : 0;
  return side->is_signed ? ((const int8_t *)side->zero)[i] : ((const uint8_t *)side->zero)[i];
}

static float scale_of(const zoo_qside *side, int64_t line) {
  return side->scale ? side->scale[side->scale_per_line ? line : 0] : 1;
}

/// Zero points as they are after bytes of A have been made unsigned, those of B signed.
static int32_t row_zero(const zoo_qproduct *p, int64_t row) {
  return zero_of(&p->a_side, row) + (p->a_side.is_signed ? 128 : 0);
}
static int32_t column_zero(const zoo_qproduct *p, int64_t column) {
  return zero_of(&p->b_side, column) - (p->b_side.is_signed ? 0 : 128);
}

/// Whether all numbers are between −limit and limit.
static int are_within(float limit, int64_t count, const float *numbers) {
  int all = 1;
  for (int64_t i = 0; i < count; i++) all &= (numbers[i] <= limit) & (numbers[i] >= -limit);
  return all;
}

// Products of one row spend much of their time here: loops without branches become vectors.
void zoo_qscales_set(
    const zoo_qside *a, const zoo_qside *b, const zoo_qtarget *t, int64_t first, int64_t count,
    zoo_qcolumns *lines) {
  const float unit = zoo_qtarget_unit(t);
  const int has_shared = !a->scale_per_line;
  const float left = has_shared ? scale_of(a, 0) : 1, divisor = has_shared ? unit : 1;
  float *restrict to = lines->scales, *restrict bias = lines->bias;
  if (b->scale && b->scale_per_line) {
    const float *scales = b->scale + first;
    for (int64_t i = 0; i < count; i++) to[i] = left * scales[i] / divisor;
  } else {
    const float scale = left * scale_of(b, 0) / divisor;
    for (int64_t i = 0; i < count; i++) to[i] = scale;
  }
  if (t->epilogue.bias) {
    const float *from = t->epilogue.bias + first;
    for (int64_t i = 0; i < count; i++) bias[i] = from[i] / unit;
  }
  const int has_bias = t->epilogue.bias != NULL;
  lines->is_moderate =
      are_within(0.25f, count, to) && (!has_bias || are_within(0x1p28f, count, bias));
  const float code = t->scale / unit;
  if (lines->is_moderate && t->epilogue.activation.kind == ZOO_ACTIVATION_HARD_SWISH &&
      are_within(0.25f * code, count, to) && (!has_bias || are_within(0x1p28f * code, count, bias))) {
    lines->is_moderate = 2;
  }
}

/// The zero points of columns.
static void set_zeros(const zoo_qproduct *p, int64_t first, int64_t count, int32_t *restrict zeros) {
  const zoo_qside *side = &p->b_side;
  if (!side->zero || !side->zero_per_line) {
    const int32_t zero = column_zero(p, 0);
    for (int64_t i = 0; i < count; i++) zeros[i] = zero;
  } else if (side->is_signed) {
    const int8_t *from = (const int8_t *)side->zero + first;
    for (int64_t i = 0; i < count; i++) zeros[i] = from[i];
  } else {
    const uint8_t *from = (const uint8_t *)side->zero + first;
    for (int64_t i = 0; i < count; i++) zeros[i] = from[i] - 128;
  }
}

void zoo_qcolumns_set(
    const zoo_qproduct *p, const zoo_qtarget *t, int64_t first, int64_t count, const int32_t *sums,
    zoo_qcolumns *lines) {
  const uint32_t shared_zero = p->a_side.zero_per_line ? 0 : (uint32_t)row_zero(p, 0);
  int32_t *restrict offsets = lines->offsets;
  if (t->bias) {
    const int32_t *bias = t->bias + first;
    for (int64_t i = 0; i < count; i++) {
      offsets[i] = (int32_t)((uint32_t)bias[i] - (uint32_t)sums[i] * shared_zero);
    }
  } else {
    for (int64_t i = 0; i < count; i++) offsets[i] = (int32_t)(0 - (uint32_t)sums[i] * shared_zero);
  }
  set_zeros(p, first, count, lines->zeros);
  zoo_qscales_set(&p->a_side, &p->b_side, t, first, count, lines);
}

/// The same for the rows of a block.
typedef struct {
  int32_t *zeros, *terms;
  float *scales;
} row_lines;

static void set_rows(
    const job *j, int64_t first, int64_t count, int64_t height, const void *const *pointers,
    row_lines *lines) {
  const zoo_qproduct *p = j->base;
  const int64_t length = p->k / p->segments;
  const int64_t max_rows = p->kernels->max_rows;
  if (!j->has_column_zeros && !p->a_side.zero_per_line && !p->a_side.scale_per_line) return;
  for (int64_t i = 0; i < count; i++) {
    lines->zeros[i] = row_zero(p, first + i);
    lines->scales[i] = scale_of(&p->a_side, first + i);
    if (!j->has_column_zeros) continue;
    const void *const *row = pointers + i / height * max_rows * p->segments + i % height;
    uint32_t sum = 0;
    for (int64_t s = 0; s < p->segments; s++) {
      sum += (uint32_t)p->kernels->sum(length, row[s * max_rows]);
    }
    lines->terms[i] = (int32_t)(sum - (uint32_t)p->k * (uint32_t)lines->zeros[i]);
  }
}

/// Memory that one block needs, in this order.
typedef struct {
  const void **pointers;
  row_lines rows;
  uint8_t *copies;   // rows that are not where they can be read
  int16_t *widened;
} block_memory;

static block_memory memory_for(const zoo_qproduct *p, int64_t rows) {
  const size_t tiled = (size_t)(divide_up(rows, p->kernels->max_rows) * p->kernels->max_rows);
  const size_t row = (size_t)(p->segments * p->groups * 4);
  const size_t pointers = whole_lines(tiled * (size_t)p->segments * sizeof(void *));
  const size_t line = whole_lines(tiled * 4);
  const size_t copies = p->copy ? whole_lines(tiled * row) : 0;
  const size_t widened = p->kernels->wide ? whole_lines(tiled * row * 2) : 0;
  char *at = zoo_thread_scratch(pointers + 3 * line + copies + widened);
  block_memory m;
  m.pointers = (const void **)at;
  m.rows.zeros = (int32_t *)(at += pointers);
  m.rows.terms = (int32_t *)(at += line);
  m.rows.scales = (float *)(at += line);
  m.copies = (uint8_t *)(at += line);
  m.widened = (int16_t *)(at + copies);
  return m;
}

/// Rows of a tile if `rows` are spread evenly over as few as can be: a tile of one row takes almost half as long as one
/// of twelve.
static int64_t height_of(const zoo_qgemm_kernels *kernels, int64_t rows) {
  return divide_up(rows, divide_up(rows, kernels->max_rows));
}

/// Finds rows m0 ..< m1 of A, `height` for each tile.
static void take_rows(
    const job *j, int64_t m0, int64_t m1, int64_t height, block_memory *m) {
  const zoo_qproduct *p = j->base;
  const int max_rows = p->kernels->max_rows;
  const int64_t row = p->segments * p->groups * 4;
  if (!p->point) p->copy(p->source, m0, (int)(m1 - m0), m->copies, row);
  const void **pointers = m->pointers;
  for (int64_t i = m0; i < m1; i += height, pointers += max_rows * p->segments) {
    const int rows = (int)lesser(height, m1 - i);
    if (p->point) p->point(p->source, i, rows, max_rows, pointers);
    for (int r = 0; p->copy && r < rows; r++) {
      if (p->point && pointers[r]) continue;
      uint8_t *copy = m->copies + (i - m0 + r) * row;
      if (p->point) p->copy(p->source, i + r, 1, copy, row);
      for (int64_t s = 0; s < p->segments; s++) pointers[s * max_rows + r] = copy + s * p->groups * 4;
    }
  }
  set_rows(j, m0, m1 - m0, height, m->pointers, &m->rows);
  if (!p->kernels->wide) return;
  for (int64_t i = 0; i < m1 - m0; i++) {
    const void **at = m->pointers + i / height * max_rows * p->segments + i % height;
    for (int64_t s = 0; s < p->segments; s++) {
      int16_t *to = m->widened + i * row + s * p->groups * 4;
      p->kernels->widen(p->groups * 4, at[s * max_rows], to);
      at[s * max_rows] = to;
    }
  }
}

static void store(
    const job *j, const int32_t *tile, int64_t row, int rows, int64_t column, int columns,
    const int32_t *sums, const zoo_qcolumns *lines, const row_lines *by_row) {
  const zoo_qproduct *p = j->base;
  const zoo_qtarget *t = &j->target;
  const int64_t size = t->kind <= ZOO_QOUT_F32 ? 4 : 1;
  const int64_t at = row * t->epilogue.residual_ld + column;
  zoo_qtile_target target = {
      .target = t, .is_moderate = lines->is_moderate, .column_scales = lines->scales,
      .c = (char *)p->c + (row * p->ldc + column) * size, .ldc = p->ldc};
  if (p->a_side.zero_per_line) {
    target.column_terms = sums;
    target.row_zeros = by_row->zeros;
  }
  if (j->has_column_zeros) {
    target.column_zeros = lines->zeros;
    target.row_terms = by_row->terms;
  }
  if (p->a_side.scale_per_line) target.row_scales = by_row->scales;
  if (t->epilogue.bias) target.bias = lines->bias;
  if (t->residual) {
    target.residual_bytes = (const uint8_t *)t->residual + at;
  } else if (t->epilogue.residual) {
    target.residual = t->epilogue.residual + at;
  }
  p->kernels->finish(tile, rows, columns, &target);
}

static void run_block(const job *j, int64_t m0, int64_t m1, int64_t n0, int64_t n1) {
  const zoo_qproduct *p = j->base;
  const zoo_qgemm_kernels *kernels = p->kernels;
  const int64_t words = panel_words(kernels, p->segments * p->groups);
  const int64_t height = height_of(kernels, m1 - m0);
  block_memory memory = memory_for(p, m1 - m0);
  take_rows(j, m0, m1, height, &memory);
  int32_t tile[MAX_ROWS * MAX_COLUMNS] __attribute__((aligned(64)));
  int32_t offsets[MAX_COLUMNS] = {0}, zeros[MAX_COLUMNS] = {0};
  float scales[MAX_COLUMNS] = {0}, bias[MAX_COLUMNS] = {0};
  zoo_qcolumns lines = {offsets, zeros, scales, bias, 0};
  for (int64_t n = n0; n < n1; n += kernels->columns) {
    const int columns = (int)lesser(kernels->columns, n1 - n);
    const int32_t *panel = p->packed + n / kernels->columns * words;
    zoo_qcolumns_set(p, &j->target, n, columns, panel, &lines);
    const void *const *pointers = memory.pointers;
    for (int64_t i = m0; i < m1; i += height, pointers += kernels->max_rows * p->segments) {
      const int rows = (int)lesser(height, m1 - i);
      const row_lines by_row = {
          memory.rows.zeros + (i - m0), memory.rows.terms + (i - m0), memory.rows.scales + (i - m0)};
      kernels->tile(
          p->segments, p->groups, rows, pointers, (const int8_t *)(panel + kernels->columns),
          offsets, tile);
      store(j, tile, i, rows, n, columns, panel, &lines, &by_row);
    }
  }
}

static void run_blocks(void *context, int64_t begin, int64_t end) {
  const job *j = context;
  const zoo_qproduct *p = j->base;
  for (int64_t i = begin; i < end; i++) {
    const int64_t m0 = i / j->across * j->rows, n0 = i % j->across * j->columns;
    run_block(j, m0, lesser(p->m, m0 + j->rows), n0, lesser(p->n, n0 + j->columns));
  }
}

/// Cuts C into blocks: rows that stay in cache while the panels of B pass by, and enough blocks for the threads.
static void cut(job *j, int64_t threads) {
  const zoo_qproduct *p = j->base;
  const zoo_qgemm_kernels *kernels = p->kernels;
  const int64_t rows = A_BYTES / greater(4 * p->segments * p->groups, 64);
  j->rows = greater(rows / kernels->max_rows, 1) * kernels->max_rows;
  j->columns = p->n;
  const int64_t wanted = threads > 1 ? threads * 4 : 1;
  while (divide_up(p->m, j->rows) * divide_up(p->n, j->columns) < wanted) {
    const int64_t high = divide_up(lesser(p->m, j->rows), kernels->max_rows);
    const int64_t wide = divide_up(lesser(p->n, j->columns), kernels->columns);
    if (high <= 1 && wide <= 1) break;
    if (wide >= high) {
      j->columns = divide_up(wide, 2) * kernels->columns;
    } else {
      j->rows = divide_up(high, 2) * kernels->max_rows;
    }
  }
  j->across = divide_up(p->n, j->columns);
  // As many blocks for each thread, of the same size but for a row or two of tiles.
  int64_t down = divide_up(p->m, j->rows);
  while (threads > 1 && down * j->across % threads != 0) down++;
  j->rows = divide_up(divide_up(p->m, kernels->max_rows), down) * kernels->max_rows;
}

zoo_qtarget zoo_qtarget_completed(const zoo_qtarget *target) {
  zoo_qtarget all = *target;
  if (target->low == 0 && target->high == 0) {
    all.low = target->kind == ZOO_QOUT_S8 ? -128 : 0;
    all.high = target->kind == ZOO_QOUT_S8 ? 127 : 255;
  }
  if (target->scale == 0) return all;
  const double exact = 1.0 / (double)target->scale;
  all.reciprocal = (float)exact;
  all.rest = (float)(exact - (double)all.reciprocal);
  return all;
}

void zoo_qproduct_run(const zoo_qproduct *p, int max_threads) {
  if (p->m <= 0 || p->n <= 0) return;
  job j = {.base = p, .target = zoo_qtarget_completed(p->target)};
  for (int64_t i = 0; i < (p->b_side.zero_per_line ? p->n : 1); i++) {
    if (column_zero(p, i) != 0) j.has_column_zeros = 1;
  }
  int64_t threads = zoo_threads_available();
  if (max_threads > 0) threads = lesser(threads, max_threads);
  const double steps = (double)p->m * (double)p->n * (double)greater(p->k, 1);
  if (steps / MIN_STEPS_PER_THREAD < (double)threads) {
    threads = greater(1, (int64_t)(steps / MIN_STEPS_PER_THREAD));
  }
  cut(&j, threads);
  zoo_parallel_for(
      divide_up(p->m, j.rows) * j.across, 1, (int)threads, run_blocks, &j);
}

// MARK: Matrices

typedef struct {
  const uint8_t *a;
  int64_t lda, k;
  uint8_t flip;
} matrix;

static void point_at_rows(
    const void *source, int64_t first, int count, int max_rows, const void **pointers) {
  (void)max_rows;
  const matrix *a = source;
  for (int i = 0; i < count; i++) pointers[i] = a->a + (first + i) * a->lda;
}

static void copy_rows(const void *source, int64_t first, int count, uint8_t *to, int64_t ld) {
  const matrix *a = source;
  for (int i = 0; i < count; i++, to += ld) {
    const uint8_t *from = a->a + (first + i) * a->lda;
    for (int64_t p = 0; p < a->k; p++) to[p] = from[p] ^ a->flip;
    memset(to + a->k, 0, (size_t)(ld - a->k));
  }
}

void zoo_qgemm_run(
    zoo_isa isa, int64_t m, int64_t n, int64_t k, const void *a, int64_t lda, zoo_qside a_side,
    const void *packed, zoo_qside b_side, void *c, int64_t ldc, const zoo_qtarget *target,
    int max_threads) {
  const matrix source = {a, lda, k, a_side.is_signed ? 0x80 : 0};
  // Rows that do not end with a whole group are copied, so that nothing is read behind the last one.
  const int copies = a_side.is_signed || k % 4 != 0;
  const zoo_qproduct p = {
      .kernels = zoo_qgemm_table(isa), .m = m, .n = n, .k = k, .segments = 1,
      .groups = divide_up(k, 4), .point = copies ? NULL : point_at_rows,
      .copy = copies ? copy_rows : NULL,
      .source = &source, .packed = packed, .a_side = a_side, .b_side = b_side, .target = target,
      .c = c, .ldc = ldc};
  zoo_qproduct_run(&p, max_threads);
}
