// The f32 matrix product's public functions: what is packed, and where the pieces of A and B come from.
#include "gemm_f32.h"

#include <string.h>

#include "extents.h"
#include "thread_scratch.h"
#include "zoo_threads.h"

enum { ROW_PANELS = 4, MIN_STEPS_PER_THREAD = 1 << 17, DOT_ROWS = 64, UNPACKED_COLUMNS = 2048 };

typedef struct {
  const float *data;
  int64_t ld;
  int transposed;
} matrix;

static void pack_left(
    const void *source, int64_t row, int rows, int64_t first_k, int64_t k, float *panel) {
  const matrix *a = source;
  if (a->transposed) {
    zoo_gemm_f32_pack_columns(k, rows, rows, a->data + first_k * a->ld + row, a->ld, panel);
  } else {
    zoo_gemm_f32_pack_rows(k, rows, rows, a->data + row * a->ld + first_k, a->ld, panel);
  }
}

static void pack_right(
    const void *source, int64_t column, int columns, int width, int64_t first_k, int64_t k,
    float *panel) {
  const matrix *b = source;
  if (b->transposed) {
    zoo_gemm_f32_pack_rows(
        k, columns, width, b->data + column * b->ld + first_k, b->ld, panel);
  } else {
    zoo_gemm_f32_pack_columns(
        k, columns, width, b->data + first_k * b->ld + column, b->ld, panel);
  }
}

// MARK: Packing

static int64_t padded(const zoo_gemm_f32_kernels *kernels, int64_t columns) {
  return (columns + kernels->vector - 1) / kernels->vector * kernels->vector;
}

/// A single column is stored as it is: it is multiplied by dot products.
static int64_t stored_columns(const zoo_gemm_f32_kernels *kernels, int64_t n) {
  return n == 1 ? 1 : padded(kernels, n);
}

size_t zoo_gemm_f32_packed_bytes(zoo_isa isa, int64_t k, int64_t n) {
  return (size_t)(k * stored_columns(zoo_gemm_f32_table(isa), n)) * sizeof(float);
}

/// Packs rows k0 ..< k1 of columns n0 ..< n1, which begin a panel.
static void pack_rectangle(
    const zoo_gemm_f32_kernels *kernels, const matrix *source, int64_t k, int64_t n, int64_t k0,
    int64_t k1, int64_t n0, int64_t n1, float alpha, float *packed) {
  for (int64_t column = n0; column < n1; column += kernels->max_columns) {
    const int64_t columns = lesser(kernels->max_columns, n - column);
    const int64_t width = n == 1 ? 1 : padded(kernels, columns);
    float *out = packed + column * k + k0 * width;
    pack_right(source, column, (int)columns, (int)width, k0, k1 - k0, out);
    for (int64_t i = 0; alpha != 1 && i < (k1 - k0) * width; i++) out[i] *= alpha;
  }
}

void zoo_gemm_f32_pack(
    zoo_isa isa, int64_t k, int64_t n, const float *b, int64_t ldb, int transposed, float alpha,
    void *packed) {
  zoo_gemm_f32_pack_part(isa, k, n, b, ldb, transposed, alpha, packed, 0, 1);
}

size_t zoo_gemm_f32_pack_part(
    zoo_isa isa, int64_t k, int64_t n, const float *b, int64_t ldb, int transposed, float alpha,
    void *packed, int64_t part, int64_t parts) {
  const zoo_gemm_f32_kernels *kernels = zoo_gemm_f32_table(isa);
  const matrix source = {.data = b, .ld = ldb, .transposed = transposed};
  if (!transposed) {
    const int64_t end = k * (part + 1) / parts;
    pack_rectangle(kernels, &source, k, n, k * part / parts, end, 0, n, alpha, packed);
    return (size_t)(end * ldb) * sizeof(float);
  }
  const int64_t width = kernels->max_columns, panels = (n + width - 1) / width;
  const int64_t end = lesser(n, panels * (part + 1) / parts * width);
  pack_rectangle(
      kernels, &source, k, n, 0, k, panels * part / parts * width, end, alpha, packed);
  return (size_t)(end * ldb) * sizeof(float);
}

// MARK: One column

typedef struct {
  const zoo_gemm_f32_kernels *kernels;
  matrix a;
  int64_t k;
  const float *b;
  zoo_tile_target target;
} column_job;

static void run_column(void *context, int64_t begin, int64_t end) {
  const column_job *job = context;
  float sums[DOT_ROWS];
  float *gathered = NULL;
  // A transposed A keeps a row's elements apart; dot products of up to 64 rows at a time read them from here.
  const int64_t piece = job->a.transposed ? 1024 : job->k;
  if (job->a.transposed) gathered = zoo_thread_scratch(sizeof(float) * DOT_ROWS * 1024);
  for (int64_t row = begin; row < end; row += DOT_ROWS) {
    const int rows = (int)lesser(DOT_ROWS, end - row);
    memset(sums, 0, sizeof sums);
    for (int64_t first = 0; first < job->k; first += piece) {
      const int64_t k = lesser(piece, job->k - first);
      if (gathered) {
        zoo_gemm_f32_pack_rows(
            rows, (int)k, (int)k, job->a.data + first * job->a.ld + row, job->a.ld, gathered);
      }
      for (int i = 0; i < rows; i++) {
        const float *a =
            gathered ? gathered + i * k : job->a.data + (row + i) * job->a.ld + first;
        sums[i] += job->kernels->dot(k, a, job->b + first);
      }
    }
    zoo_tile_target target = job->target;
    target.c += row * target.ldc;
    if (target.bias && target.bias_per_row) target.bias += row;
    if (target.residual) target.residual += row * target.residual_ld;
    job->kernels->finish(sums, 1, rows, 1, &target);
  }
}

// MARK: One row

typedef struct {
  const zoo_gemm_f32_kernels *kernels;
  int64_t n, k;
  const float *a, *b;
  zoo_tile_target target;
} row_job;

static void run_row(void *context, int64_t begin, int64_t end) {
  const row_job *job = context;
  const zoo_gemm_f32_kernels *kernels = job->kernels;
  const int64_t group = (int64_t)ROW_PANELS * kernels->max_columns;
  float sums[512] __attribute__((aligned(64)));
  for (int64_t i = begin; i < end; i++) {
    const int64_t column = i * group;
    const int64_t columns = lesser(group, job->n - column);
    const int full = (int)(columns / kernels->max_columns);
    const int rest = (int)(columns % kernels->max_columns);
    const float *b = job->b + column * job->k;
    kernels->row(job->k, full, job->a, b, job->k * kernels->max_columns, sums, 0);
    if (rest) {
      const int vectors = (rest + kernels->vector - 1) / kernels->vector;
      const int64_t done = (int64_t)full * kernels->max_columns;
      kernels->tile(
          job->k, 1, vectors, job->a, 0, b + done * job->k, vectors * kernels->vector, sums + done, 0);
    }
    zoo_tile_target target = job->target;
    target.c += column;
    if (target.bias && !target.bias_per_row) target.bias += column;
    if (target.residual) target.residual += column;
    kernels->finish(sums, group, 1, columns, &target);
  }
}

// MARK: Running

/// Rows of A are read where they lie, but for columns so many that packing costs nothing beside them, and for rows
/// whose distance puts them all into the same few lines of the cache.
static void set_left(zoo_gemm_f32_problem *problem, const matrix *a) {
  if (!a->transposed && problem->n <= UNPACKED_COLUMNS && a->ld % 512 != 0) {
    problem->rows_of_a = a->data;
    problem->lda = a->ld;
  } else {
    problem->pack_a = pack_left;
    problem->a_source = a;
  }
}

void zoo_gemm_f32_run(
    zoo_isa isa, int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, int transposed,
    const void *packed, float *c, int64_t ldc, const zoo_epilogue *epilogue, int max_threads) {
  const zoo_gemm_f32_kernels *kernels = zoo_gemm_f32_table(isa);
  const zoo_tile_target target = zoo_tile_target_of(c, ldc, 1, epilogue);
  const matrix left = {.data = a, .ld = lda, .transposed = transposed};
  if (m <= 0 || n <= 0) return;
  if (n == 1) {
    column_job job = {.kernels = kernels, .a = left, .k = k, .b = packed, .target = target};
    const int64_t grain = greater(DOT_ROWS, MIN_STEPS_PER_THREAD / greater(k, 1));
    zoo_parallel_for(m, grain, max_threads, run_column, &job);
  } else if (m == 1 && (!transposed || lda == 1)) {
    row_job job = {.kernels = kernels, .n = n, .k = k, .a = a, .b = packed, .target = target};
    const int64_t group = (int64_t)ROW_PANELS * kernels->max_columns;
    const int64_t grain = greater(1, MIN_STEPS_PER_THREAD / greater(k * group, 1));
    zoo_parallel_for((n + group - 1) / group, grain, max_threads, run_row, &job);
  } else {
    zoo_gemm_f32_problem problem = {
        .kernels = kernels, .m = m, .n = n, .k = k, .packed_b = packed, .target = target};
    set_left(&problem, &left);
    zoo_gemm_f32_solve(&problem, max_threads);
  }
}

typedef struct {
  const zoo_gemm_f32_kernels *kernels;
  const zoo_gemm_f32_batch *shape;
  const float *a, *b;
  float *c;
  const zoo_epilogue *epilogue;
  int max_threads;
} batch_job;

static void run_products(void *context, int64_t begin, int64_t end) {
  const batch_job *job = context;
  const zoo_gemm_f32_batch *shape = job->shape;
  for (int64_t i = begin; i < end; i++) {
    const matrix left = {job->a + shape->a_offsets[i], shape->lda, shape->a_transposed};
    const matrix right = {job->b + shape->b_offsets[i], shape->ldb, shape->b_transposed};
    zoo_gemm_f32_problem problem = {
        .kernels = job->kernels, .m = shape->m, .n = shape->n, .k = shape->k,
        .pack_b = pack_right, .b_source = &right,
        .target = zoo_tile_target_of(
            job->c + shape->c_offsets[i], shape->ldc, shape->alpha, job->epilogue)};
    set_left(&problem, &left);
    if (problem.target.residual) problem.target.residual += shape->c_offsets[i];
    zoo_gemm_f32_solve(&problem, job->max_threads);
  }
}

void zoo_gemm_f32_run_batch(
    zoo_isa isa, const zoo_gemm_f32_batch *shape, const float *a, const float *b, float *c,
    const zoo_epilogue *epilogue, int max_threads) {
  batch_job job = {
      .kernels = zoo_gemm_f32_table(isa), .shape = shape, .a = a, .b = b, .c = c,
      .epilogue = epilogue, .max_threads = max_threads};
  // One product is shared between threads; of several, each is one thread's.
  if (shape->batch <= 1) {
    run_products(&job, 0, shape->batch);
    return;
  }
  const double steps = (double)shape->m * (double)shape->n * (double)greater(shape->k, 1);
  const int64_t grain = steps > 0 && steps < 1 << 19 ? (int64_t)((1 << 19) / steps) : 1;
  zoo_parallel_for(shape->batch, grain, max_threads, run_products, &job);
}
