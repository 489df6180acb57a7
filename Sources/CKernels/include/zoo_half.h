#pragma once
#include <stddef.h>
#include <stdint.h>

/// 16-bit floats to f32 and back, rounding to nearest even; NaN stays NaN, what is too large becomes infinite.
void zoo_f32_from_f16(size_t count, const uint16_t *from, float *to);
void zoo_f16_from_f32(size_t count, const float *from, uint16_t *to);
void zoo_f32_from_bf16(size_t count, const uint16_t *from, float *to);
void zoo_bf16_from_f32(size_t count, const float *from, uint16_t *to);
