#pragma once
#include <stddef.h>
#include <stdint.h>

#include "zoo_cpu.h"

/// The functions that kernels can apply to what they have just computed; `a` and `b` are their parameters.
typedef enum {
  ZOO_ACTIVATION_NONE = 0,
  ZOO_ACTIVATION_RELU,          // max(x, 0)
  ZOO_ACTIVATION_LEAKY_RELU,    // x < 0 ? a·x : x
  ZOO_ACTIVATION_CLIP,          // min(max(x, a), b)
  ZOO_ACTIVATION_SIGMOID,       // 1 / (1 + e⁻ˣ)
  ZOO_ACTIVATION_TANH,          // tanh(x)
  ZOO_ACTIVATION_GELU_ERF,      // x/2 · (1 + erf(x/√2))
  ZOO_ACTIVATION_GELU_TANH,     // x/2 · (1 + tanh(√(2/π)·(x + 0.044715·x³)))
  ZOO_ACTIVATION_SILU,          // x / (1 + e⁻ˣ)
  ZOO_ACTIVATION_HARD_SIGMOID,  // min(max(a·x + b, 0), 1)
  ZOO_ACTIVATION_HARD_SWISH,    // x · min(max(a·x + b, 0), 1)
} zoo_activation_kind;

typedef struct {
  zoo_activation_kind kind;
  float a, b;
} zoo_activation;

/// What happens to a sum before it is stored: `c = activation(sum + bias + residual)`. All zero bytes: nothing.
typedef struct {
  const float *bias;       // NULL: none
  int bias_per_row;        // 1: one element per row of C; 0: one per column
  const float *residual;   // rows and columns as C; NULL: none. May be C itself.
  int64_t residual_ld;     // elements from one row of `residual` to the next
  zoo_activation activation;
} zoo_epilogue;

/// f32 matrix product with a constant right side that is packed once: C[m, n] = epilogue(A[m, k] · B[k, n]).
///
/// Every function takes the instruction set to use, which must be available (`zoo_isa_available`); what is packed for
/// one can only be run with that one. Sums run over k in order, in one chain of fused multiply-adds (portable: multiply,
/// then add), except for n = 1; so results do not depend on the number of threads or on how C is cut into tiles.
/// Extents may be 0. Matrices are row-major with a leading dimension (elements from one row to the next).

/// Bytes that `zoo_gemm_f32_pack` fills; align them to 64.
size_t zoo_gemm_f32_packed_bytes(zoo_isa isa, int64_t k, int64_t n);

/// Packs `alpha · B`. `transposed`: `b` holds Bᵀ, [n, k] with leading dimension `ldb`.
void zoo_gemm_f32_pack(
    zoo_isa isa, int64_t k, int64_t n, const float *b, int64_t ldb, int transposed, float alpha,
    void *packed);

/// The same in `parts` calls, part 0 first, of which each reads the next bytes of `b` and none reads earlier ones again.
/// Returns how many of the first bytes of `b` have been read.
size_t zoo_gemm_f32_pack_part(
    zoo_isa isa, int64_t k, int64_t n, const float *b, int64_t ldb, int transposed, float alpha,
    void *packed, int64_t part, int64_t parts);

/// `transposed`: `a` holds Aᵀ, [k, m] with leading dimension `lda`. `epilogue` may be NULL.
void zoo_gemm_f32_run(
    zoo_isa isa, int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, int transposed,
    const void *packed, float *c, int64_t ldc, const zoo_epilogue *epilogue, int max_threads);

/// Many f32 products of matrices that are both known only at run time: C[i] = alpha · A[i] · B[i] for i in 0 ..< batch.
typedef struct {
  int64_t batch, m, n, k;
  int64_t lda, ldb, ldc;
  int a_transposed;          // `a` holds [k, m]
  int b_transposed;          // `b` holds [n, k]
  const int64_t *a_offsets;  // where matrix i starts, in elements; `batch` of them each
  const int64_t *b_offsets;
  const int64_t *c_offsets;
  float alpha;
} zoo_gemm_f32_batch;

/// `epilogue` may be NULL; its residual uses `c_offsets`, its bias is shared by the batch.
void zoo_gemm_f32_run_batch(
    zoo_isa isa, const zoo_gemm_f32_batch *shape, const float *a, const float *b, float *c,
    const zoo_epilogue *epilogue, int max_threads);
