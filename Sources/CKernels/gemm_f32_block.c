// Cuts a matrix product into blocks that stay in the caches, and blocks into tiles.
//
// In C because it runs once per tile, between the packing and the micro-kernel, and Swift cannot call either without
// leaving the loop.
#include "gemm_f32.h"
#include "extents.h"
#include "thread_scratch.h"
#include "zoo_threads.h"

enum {
  // Sums are interrupted after this many steps, so that a panel of B stays in the L2 cache together with a block of A.
  K_BLOCK = 1024,
  A_FLOATS = 1 << 16,         // block of A: 256 KB
  B_FLOATS = 3 << 15,         // block of B: 384 KB
  TILE_FLOATS = 512,          // at least max_rows · max_columns, and 4 · max_columns
  MIN_STEPS_PER_THREAD = 1 << 19,  // multiply-adds that are worth another thread
};

const zoo_gemm_f32_kernels *zoo_gemm_f32_table(zoo_isa isa) {
  switch (isa) {
#if defined(__x86_64__)
  case ZOO_ISA_AVX512: return &zoo_gemm_f32_avx512;
  case ZOO_ISA_AVX2: return &zoo_gemm_f32_avx2;
#elif defined(__aarch64__)
  case ZOO_ISA_NEON: return &zoo_gemm_f32_neon;
#endif
  default: return &zoo_gemm_f32_portable;
  }
}

zoo_tile_target zoo_tile_target_of(
    float *c, int64_t ldc, float scale, const zoo_epilogue *epilogue) {
  zoo_tile_target target = {.c = c, .ldc = ldc, .scale = scale};
  if (epilogue) {
    target.bias = epilogue->bias;
    target.bias_per_row = epilogue->bias_per_row;
    target.residual = epilogue->residual;
    target.residual_ld = epilogue->residual_ld;
    target.activation = epilogue->activation;
  }
  return target;
}

/// Equal steps of at most K_BLOCK; a function of `k` alone, because it decides the order of the sums.
static int64_t k_step(int64_t k) {
  return k <= K_BLOCK ? k : divide_up(k, divide_up(k, K_BLOCK));
}

int64_t zoo_gemm_f32_block_rows(const zoo_gemm_f32_kernels *kernels, int64_t k) {
  const int64_t step = greater(k_step(k), 64);
  return A_FLOATS / step / kernels->max_rows * kernels->max_rows;
}

static int64_t block_columns(const zoo_gemm_f32_kernels *kernels, int64_t k) {
  const int64_t step = greater(k_step(k), 64);
  return B_FLOATS / step / kernels->max_columns * kernels->max_columns;
}

/// One step along k of one block.
typedef struct {
  const zoo_gemm_f32_problem *problem;
  int64_t m0, m1, n0, n1;
  int64_t first_k, k;
  int64_t height;      // rows of a panel of A, but for the last
  const float *a, *b;  // panels of this step, or NULL where the whole side is packed
  int accumulate, last;
} step;

static zoo_tile_target target_at(const zoo_tile_target *whole, int64_t row, int64_t column) {
  zoo_tile_target part = *whole;
  part.c += row * whole->ldc + column;
  if (part.bias) part.bias += whole->bias_per_row ? row : column;
  if (part.residual) part.residual += row * whole->residual_ld + column;
  return part;
}

static void run_tile(const step *s, int64_t row, int64_t column) {
  const zoo_gemm_f32_problem *problem = s->problem;
  const zoo_gemm_f32_kernels *kernels = problem->kernels;
  const int rows = (int)lesser(s->height, s->m1 - row);
  const int columns = (int)lesser(kernels->max_columns, s->n1 - column);
  const int vectors = (int)((unsigned)(columns + kernels->vector - 1) / (unsigned)kernels->vector);
  const int width = vectors * kernels->vector;
  const float *a = problem->rows_of_a ? problem->rows_of_a + row * problem->lda + s->first_k
                   : s->a             ? s->a + (row - s->m0) * s->k
                                      : problem->packed_a + row * problem->k + s->first_k * rows;
  const float *b = s->b ? s->b + (column - s->n0) * s->k
                        : problem->packed_b + column * problem->k + s->first_k * width;
  float tile[TILE_FLOATS] __attribute__((aligned(64)));
  zoo_tile_target target = target_at(&problem->target, row, column);
  if (s->accumulate) {
    for (int i = 0; i < rows; i++) {
      for (int j = 0; j < columns; j++) {
        tile[i * kernels->max_columns + j] = target.c[i * target.ldc + j];
      }
      for (int j = columns; j < width; j++) tile[i * kernels->max_columns + j] = 0;
    }
  }
  kernels->tile(s->k, rows, vectors, a, problem->lda, b, width, tile, s->accumulate);
  if (!s->last) target = (zoo_tile_target){.c = target.c, .ldc = target.ldc, .scale = 1};
  kernels->finish(tile, kernels->max_columns, rows, columns, &target);
}

static void run_tiles(const step *s) {
  const zoo_gemm_f32_kernels *kernels = s->problem->kernels;
  if (s->problem->packed_a) {  // a panel of the weights is read once, the block of B again and again
    for (int64_t i = s->m0; i < s->m1; i += s->height) {
      for (int64_t j = s->n0; j < s->n1; j += kernels->max_columns) run_tile(s, i, j);
    }
  } else {
    for (int64_t j = s->n0; j < s->n1; j += kernels->max_columns) {
      for (int64_t i = s->m0; i < s->m1; i += s->height) run_tile(s, i, j);
    }
  }
}

static void pack_a(step *s, float *scratch) {
  const zoo_gemm_f32_problem *problem = s->problem;
  for (int64_t row = s->m0; row < s->m1; row += s->height) {
    const int rows = (int)lesser(s->height, s->m1 - row);
    problem->pack_a(
        problem->a_source, row, rows, s->first_k, s->k, scratch + (row - s->m0) * s->k);
  }
  s->a = scratch;
}

static void pack_b(step *s, float *scratch) {
  const zoo_gemm_f32_problem *problem = s->problem;
  const zoo_gemm_f32_kernels *kernels = problem->kernels;
  for (int64_t column = s->n0; column < s->n1; column += kernels->max_columns) {
    const int columns = (int)lesser(kernels->max_columns, s->n1 - column);
    const int width = (columns + kernels->vector - 1) / kernels->vector * kernels->vector;
    problem->pack_b(
        problem->b_source, column, columns, width, s->first_k, s->k,
        scratch + (column - s->n0) * s->k);
  }
  s->b = scratch;
}

/// Panels of the same height, as far as may be: few rows have too few sums to hide the latency of a multiply-add.
static int64_t panel_height(const zoo_gemm_f32_problem *problem, int64_t rows) {
  const int64_t most = problem->kernels->max_rows;
  return problem->packed_a || rows < 1 ? most : divide_up(rows, divide_up(rows, most));
}

void zoo_gemm_f32_block(
    const zoo_gemm_f32_problem *problem, int64_t m0, int64_t m1, int64_t n0, int64_t n1) {
  const int64_t k_block = k_step(problem->k);
  const int64_t columns =
      problem->packed_b ? greater(n1 - n0, 1) : block_columns(problem->kernels, problem->k);
  const int several = problem->k > k_block;
  // A residual that lies in C itself would be overwritten by the partial sums: they start from it instead.
  zoo_gemm_f32_problem started;
  const int in_place = several && problem->target.residual == problem->target.c;
  if (in_place) {
    started = *problem;
    started.target.residual = NULL;
    problem = &started;
  }
  float *scratch = NULL;
  if (problem->pack_a || problem->pack_b) {
    scratch = zoo_thread_scratch((A_FLOATS + B_FLOATS) * sizeof(float));
  }
  step s = {.problem = problem, .m0 = m0, .m1 = m1, .height = panel_height(problem, m1 - m0)};
  for (s.n0 = n0; s.n0 < n1; s.n0 = s.n1) {
    s.n1 = lesser(n1, s.n0 + columns);
    s.first_k = 0;
    do {
      s.k = lesser(k_block, problem->k - s.first_k);
      s.accumulate = s.first_k > 0 || in_place;
      s.last = s.first_k + s.k == problem->k;
      if (problem->pack_a && (several || !s.a)) pack_a(&s, scratch);
      if (!problem->packed_b) pack_b(&s, scratch + A_FLOATS);
      run_tiles(&s);
      s.first_k += s.k;
    } while (!s.last);
  }
}

// MARK: Blocks for threads

typedef struct {
  const zoo_gemm_f32_problem *problem;
  int64_t rows, columns, across;  // extents of a block; blocks side by side
} grid;

static void run_blocks(void *context, int64_t begin, int64_t end) {
  const grid *g = context;
  for (int64_t i = begin; i < end; i++) {
    const int64_t m0 = i / g->across * g->rows, n0 = i % g->across * g->columns;
    zoo_gemm_f32_block(
        g->problem, m0, lesser(g->problem->m, m0 + g->rows), n0,
        lesser(g->problem->n, n0 + g->columns));
  }
}

void zoo_gemm_f32_solve(const zoo_gemm_f32_problem *problem, int max_threads) {
  const int64_t m = problem->m, n = problem->n;
  if (m <= 0 || n <= 0) return;
  const zoo_gemm_f32_kernels *kernels = problem->kernels;
  int64_t threads = zoo_threads_available();
  if (max_threads > 0) threads = lesser(threads, max_threads);
  const double steps = (double)m * (double)n * (double)greater(problem->k, 1);
  if (steps / MIN_STEPS_PER_THREAD < (double)threads) {
    threads = greater(1, (int64_t)(steps / MIN_STEPS_PER_THREAD));
  }
  grid g = {.problem = problem, .rows = m, .columns = n};
  if (!problem->packed_a) {
    g.rows = greater(zoo_gemm_f32_block_rows(kernels, problem->k), kernels->max_rows);
  }
  if (!problem->packed_b) g.columns = block_columns(kernels, problem->k);
  // Enough blocks for an even share; the side with more tiles is cut.
  const int64_t wanted = threads > 1 ? threads * 4 : 1;
  while (divide_up(m, g.rows) * divide_up(n, g.columns) < wanted) {
    const int64_t high = divide_up(lesser(m, g.rows), kernels->max_rows);
    const int64_t wide = divide_up(lesser(n, g.columns), kernels->max_columns);
    if (high <= 1 && wide <= 1) break;
    if (wide >= high) {
      g.columns = divide_up(wide, 2) * kernels->max_columns;
    } else {
      g.rows = divide_up(high, 2) * kernels->max_rows;
    }
  }
  g.across = divide_up(n, g.columns);
  zoo_parallel_for(
      divide_up(m, g.rows) * g.across, 1, (int)threads, run_blocks, &g);
}
