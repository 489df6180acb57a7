// All vector families of one instruction set, and their table. Included once by each vector_<isa>.c, inside the region
// where that instruction set is switched on; the headers it needs come from prelude.h, outside of it.
#pragma once

#include "vec.h"
#include "vec_math.h"
#include "math_f32.h"
#include "reduce_f32.h"
#include "softmax_f32.h"
#include "norm_f32.h"
#include "pool_f32.h"
#include "recurrent_f32.h"
#include "attention_f32.h"
#include "convert_f32.h"
#include "block_f32.h"
#include "qlinear_f32.h"

const zoo_vector_set JOIN(zoo_vector_set, ISA) = {
    .unary = unary_loops,
    .binary = binary_loop,
    .reduce = reduce_loops,
    .add_relu = add_relu,
    .mul_add = mul_add,
    .rows = {
        .softmax_rows = softmax_rows,
        .softmax_columns = softmax_columns,
        .row_norm = row_norm,
        .group_norm = group_norm,
        .local_response = local_response,
        .scale_shift = scale_shift,
        .arg_extreme = arg_extreme,
        .max_pool_2d = max_pool_2d,
        .average_pool_2d = average_pool_2d,
        .lstm_cell = lstm_cell,
        .gru_cell = gru_cell,
        .attention = attention,
        .attention_lanes = ATTENTION_LANES,
        .f16_to_f32 = f16_to_f32,
        .f32_to_f16 = f32_to_f16,
        .bf16_to_f32 = bf16_to_f32,
        .f32_to_bf16 = f32_to_bf16,
        .quantize_u8 = quantize_u8,
        .quantize_s8 = quantize_s8,
        .dequantize_u8 = dequantize_u8,
        .dequantize_s8 = dequantize_s8,
        .dequantize_s32 = dequantize_s32,
        .range = range_f32,
        .block_row = block_row,
        .block_dot = block_dot,
        .qlinear_add_u8 = qlinear_add_u8,
        .qlinear_add_s8 = qlinear_add_s8,
        .qlinear_mul_u8 = qlinear_mul_u8,
        .qlinear_mul_s8 = qlinear_mul_s8,
    },
};
