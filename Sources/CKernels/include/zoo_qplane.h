#pragma once
#include <stdint.h>

#include "zoo_conv.h"
#include "zoo_cpu.h"
#include "zoo_gemm.h"

/// What stands between 8-bit products: sums and products of two tensors, pooling, tables. Results are the same to the bit
/// for every instruction set and number of threads.

/// How 8-bit codes stand for real numbers: real = (code − zero) · scale.
typedef struct {
  int is_signed;
  float scale;
  int32_t zero;
} zoo_qform;

typedef enum { ZOO_QJOIN_ADD, ZOO_QJOIN_SUBTRACT, ZOO_QJOIN_MULTIPLY } zoo_qjoin_kind;

/// c is [outer, repeats, inner]; so are a and b, or [outer, inner] where they repeat.
typedef struct {
  int64_t outer, repeats, inner;
  int a_repeats, b_repeats;
} zoo_qjoin_lines;

/// c = saturate(round(activation(a ∘ b) / c.scale) + c.zero), ties to even.
typedef struct {
  zoo_qjoin_kind kind;
  zoo_qform a, b, c;
  zoo_activation activation;
  zoo_qjoin_lines lines;
} zoo_qjoin;

/// `c` may be an operand that does not repeat.
void zoo_qjoin_run(
    zoo_isa isa, const zoo_qjoin *join, const void *a, const void *b, void *c, int max_threads);

/// y[i] = table[x[i]] for bytes; the table has 256. `y` may be `x`.
void zoo_qtable_run(
    zoo_isa isa, const uint8_t *table, int64_t count, const uint8_t *x, uint8_t *y, int max_threads);

/// Pooling with channels last: x is [batch, input…, channels], y [batch, output…, channels]; `shape` says how windows
/// lie, its weights and groups mean nothing. Padding never wins a maximum.
void zoo_qpool_max(
    zoo_isa isa, const zoo_conv_shape *shape, int is_signed, const void *x, void *y,
    int max_threads);

/// y = saturate(round(Σ (x − zero) · (x.scale / count) / y.scale) + y.zero), or the real numbers if `to` is NULL.
/// `count`: elements of the window that are in the input, or of the whole window if `counts_padding`.
void zoo_qpool_average(
    zoo_isa isa, const zoo_conv_shape *shape, zoo_qform from, const zoo_qform *to,
    int counts_padding, const void *x, void *y, int max_threads);
