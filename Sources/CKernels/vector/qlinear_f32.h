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

/// a · b + c, rounded once on every instruction set: `a` is a whole number of 9 bits, so that its product is exact in f64.
INLINE vf qlinear_fma(vf a, float b, vf c) {
#if HAS_FMA
  return __builtin_elementwise_fma(a, splat(b), c);
#else
  vd wide = __builtin_convertvector(a, vd) * (vd)(double)b + __builtin_convertvector(c, vd);
  return __builtin_convertvector(wide, vf);
#endif
}

// Ties are as frequent as scales are round: sums are taken in the order in which ONNX Runtime takes them.
#define QLINEAR_LOOP(name, element, vector, loader, low, high, left, right, formula)       \
  static void name(const zoo_qlinear_binary *q) {                                         \
    const float zero = (float)q->y_zero;                                                  \
    const float a_ratio = q->a_scale / q->y_scale, b_ratio = q->b_scale / q->y_scale;     \
    const float scale = q->a_scale * q->b_scale / q->y_scale;                             \
    const double shift = (double)a_ratio * q->a_zero + (double)(b_ratio * (float)q->b_zero); \
    const vf rest = splat(zero - (float)shift);                                           \
    (void)scale, (void)rest, (void)a_ratio, (void)b_ratio;                                \
    for (size_t i = 0; i < q->count; i += LANES) {                                        \
      size_t n = q->count - i < LANES ? q->count - i : LANES;                             \
      vf a = loader((const element *)q->a, q->a_stride, i, n, left);                      \
      vf b = loader((const element *)q->b, q->b_stride, i, n, right);                     \
      vf r = clamp(vround(formula), splat(low), splat(high));                             \
      r = r != r ? splat(low) : r;                                                        \
      vector y = __builtin_convertvector(__builtin_convertvector(r, vi), vector);         \
      memcpy((element *)q->y + i, &y, n * sizeof(element));                               \
    }                                                                                     \
  }

#define QLINEAR_SUM qlinear_fma(a, a_ratio, qlinear_fma(b, b_ratio, rest))
#define QLINEAR_PRODUCT a * b * scale + zero

QLINEAR_LOOP(qlinear_add_u8, uint8_t, vb, qlinear_load_u8, 0, 255, 0, 0, QLINEAR_SUM)
QLINEAR_LOOP(qlinear_add_s8, int8_t, vsb, qlinear_load_s8, -128, 127, 0, 0, QLINEAR_SUM)
QLINEAR_LOOP(qlinear_mul_u8, uint8_t, vb, qlinear_load_u8, 0, 255, q->a_zero, q->b_zero, QLINEAR_PRODUCT)
QLINEAR_LOOP(qlinear_mul_s8, int8_t, vsb, qlinear_load_s8, -128, 127, q->a_zero, q->b_zero, QLINEAR_PRODUCT)
