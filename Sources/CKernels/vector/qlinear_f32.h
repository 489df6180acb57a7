// Sums and products of 8-bit numbers, rounded to 8 bits. The order of operations is fixed and nothing is fused, so that
// every instruction set gives the same bytes.
#pragma once

#pragma clang fp contract(off)

#define QLINEAR_LOAD(name, element, vector)                                          \
  INLINE vf name(const element *p, int stride, size_t i, size_t n, int32_t zero) {    \
    vector v = (vector)0;                                                             \
    if (stride == 0) {                                                                \
      v = (vector)*p;                                                                 \
    } else if (n >= LANES) {                                                          \
      memcpy(&v, p + i, sizeof v);                                                    \
    } else {                                                                          \
      memcpy(&v, p + i, n * sizeof *p);                                               \
    }                                                                                 \
    return __builtin_convertvector(__builtin_convertvector(v, vi) - zero, vf);        \
  }

QLINEAR_LOAD(qlinear_load_u8, uint8_t, vb)
QLINEAR_LOAD(qlinear_load_s8, int8_t, vsb)

#define QLINEAR_LOOP(name, element, vector, loader, low, high, formula)                   \
  static void name(const zoo_qlinear_binary *q) {                                         \
    const float zero = (float)q->y_zero;                                                  \
    const float a_scale = q->a_scale, b_scale = q->b_scale, y_scale = q->y_scale;         \
    const float scale = a_scale * b_scale / y_scale;                                      \
    (void)scale;                                                                          \
    for (size_t i = 0; i < q->count; i += LANES) {                                        \
      size_t n = q->count - i < LANES ? q->count - i : LANES;                             \
      vf a = loader((const element *)q->a, q->a_stride, i, n, q->a_zero);                 \
      vf b = loader((const element *)q->b, q->b_stride, i, n, q->b_zero);                 \
      vf r = clamp(vround((formula) + zero), splat(low), splat(high));                    \
      r = r != r ? splat(low) : r;                                                        \
      vector y = __builtin_convertvector(__builtin_convertvector(r, vi), vector);         \
      memcpy((element *)q->y + i, &y, n * sizeof(element));                               \
    }                                                                                     \
  }

QLINEAR_LOOP(qlinear_add_u8, uint8_t, vb, qlinear_load_u8, 0, 255, (a * a_scale + b * b_scale) / y_scale)
QLINEAR_LOOP(qlinear_add_s8, int8_t, vsb, qlinear_load_s8, -128, 127, (a * a_scale + b * b_scale) / y_scale)
QLINEAR_LOOP(qlinear_mul_u8, uint8_t, vb, qlinear_load_u8, 0, 255, a * b * scale)
QLINEAR_LOOP(qlinear_mul_s8, int8_t, vsb, qlinear_load_s8, -128, 127, a * b * scale)
