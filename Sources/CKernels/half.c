// Conversions of 16-bit floats by integer arithmetic without branches, which compilers turn into vector code for any
// target; Swift's Float16 calls a function per element where the target has no such instruction.
#include "zoo_half.h"

#include <string.h>

static inline float float_of(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static inline uint32_t bits_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

void zoo_f32_from_f16(size_t count, const uint16_t *from, float *to) {
  for (size_t i = 0; i < count; i++) {
    const uint32_t sign = (uint32_t)(from[i] & 0x8000) << 16;
    const uint32_t rest = (uint32_t)(from[i] & 0x7FFF) << 13;
    // Read as f32 the exponent is 112 too small; multiplying mends it for subnormal numbers, too.
    const uint32_t number = bits_of(float_of(rest) * 0x1p112f);
    const uint32_t special = rest >= 0x0F800000 ? 0x7F800000 : 0;
    to[i] = float_of(sign | number | special);
  }
}

void zoo_f16_from_f32(size_t count, const float *from, uint16_t *to) {
  for (size_t i = 0; i < count; i++) {
    const uint32_t bits = bits_of(from[i]), sign = bits >> 16 & 0x8000, rest = bits & 0x7FFFFFFF;
    const uint32_t odd = rest >> 13 & 1;
    const uint32_t normal = (rest - 0x38000000 + 0x0FFF + odd) >> 13;
    // Adding ½ lines up the mantissa of what is subnormal in f16 at the bottom of the word, rounded.
    const uint32_t small = bits_of(float_of(rest) + 0.5f) - 0x3F000000;
    const uint32_t special = rest > 0x7F800000 ? 0x7E00 : 0x7C00;
    uint32_t number = rest < 0x38800000 ? small : normal;
    number = rest >= 0x47800000 ? special : number;
    to[i] = (uint16_t)(sign | number);
  }
}

void zoo_f32_from_bf16(size_t count, const uint16_t *from, float *to) {
  for (size_t i = 0; i < count; i++) to[i] = float_of((uint32_t)from[i] << 16);
}

void zoo_bf16_from_f32(size_t count, const float *from, uint16_t *to) {
  for (size_t i = 0; i < count; i++) {
    const uint32_t bits = bits_of(from[i]);
    const uint32_t nearest = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
    to[i] = (uint16_t)((bits & 0x7FFFFFFF) > 0x7F800000 ? bits >> 16 | 0x40 : nearest);
  }
}
