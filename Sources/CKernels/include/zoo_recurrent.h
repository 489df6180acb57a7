#pragma once

#include <stddef.h>


/// One step of `hidden` LSTM cells with the default activations (ONNX `LSTM`):
///
///     i = σ(gates_i + p_i c),  f = σ(gates_f + p_f c),  c' = f c + i tanh(gates_c)
///     o = σ(gates_o + p_o c'), h' = o tanh(c')
typedef struct {
  const float *gates;  // [4, hidden] in ONNX's order i, o, f, c: X Wᵀ + H Rᵀ + biases
  const float *c;      // [hidden]
  const float *peephole;  // null or [3, hidden]: i, o, f
  float *c_next;                    // [hidden], may be c
  float *h_next;                    // [hidden]
  size_t hidden;
  float clip;        // gates are limited to -clip ... clip; infinity means no limit
  int input_forget;  // f = 1 - i
} zoo_lstm_cell;

/// The end of a GRU step: h' = (1 - z) tanh(x + r) + z h.
typedef struct {
  const float *z;          // [hidden], after its activation
  const float *candidate;  // [hidden]: X Wᵀ + bias
  const float *recurrent;  // [hidden]: what H contributes
  const float *h;          // [hidden]
  float *h_next;           // [hidden], may be h
  size_t hidden;
  float clip;
} zoo_gru_cell;

