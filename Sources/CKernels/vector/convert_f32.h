// Conversions between f32 and the narrow types. Division, rounding and saturation are exact, so that quantized values
// are the same on every instruction set.
#pragma once

typedef uint16_t vh __attribute__((ext_vector_type(LANES)));
typedef uint8_t vb __attribute__((ext_vector_type(LANES)));
typedef int8_t vsb __attribute__((ext_vector_type(LANES)));

// The values of a tail go through a full vector; lanes beyond it are 0 and are not stored.
#define CONVERT_LOOP(vector_in, vector_out, convert)           \
  for (size_t i = 0; i < n; i += LANES) {                      \
    size_t count = n - i < LANES ? n - i : LANES;              \
    vector_in v = (vector_in)0;                                \
    if (count == LANES) {                                      \
      memcpy(&v, x + i, sizeof v);                             \
    } else {                                                   \
      memcpy(&v, x + i, count * sizeof *x);                    \
    }                                                          \
    vector_out result = convert;                               \
    if (count == LANES) {                                      \
      memcpy(y + i, &result, sizeof result);                   \
    } else {                                                   \
      memcpy(y + i, &result, count * sizeof *y);               \
    }                                                          \
  }

INLINE vf widen_f16(vh h) {
#if defined(__x86_64__) && LANES == 16
  return (vf)_mm512_cvtph_ps((__m256i)h);
#elif defined(__x86_64__) && LANES == 8
  return (vf)_mm256_cvtph_ps((__m128i)h);
#else
  vi wide = __builtin_convertvector(h, vi);
  vi magnitude = (wide & 0x7fff) << 13;
  vi value = bits(from_bits(magnitude) * 0x1p112f);
  vi special = magnitude >= 0x0f800000;
  vi nan = magnitude > 0x0f800000;
  value = special ? (value | 0x7f800000 | (nan & 0x00400000)) : value;
  return from_bits(value | ((wide & 0x8000) << 16));
#endif
}

INLINE vh narrow_f16(vf x) {
#if defined(__x86_64__) && LANES == 16
  return (vh)_mm512_cvtps_ph((__m512)x, _MM_FROUND_TO_NEAREST_INT);
#elif defined(__x86_64__) && LANES == 8
  return (vh)_mm256_cvtps_ph((__m256)x, _MM_FROUND_TO_NEAREST_INT);
#else
  vi sign = (bits(x) >> 16) & 0x8000;
  vi magnitude = bits(x) & 0x7fffffff;
  // Adding 1/2 leaves a subnormal result, rounded, in the low bits.
  vi subnormal = bits(from_bits(magnitude) + 0.5f) - 0x3f000000;
  vi normal = (magnitude - 0x38000000 + 0xfff + ((magnitude >> 13) & 1)) >> 13;
  vi nan = 0x7e00 | ((magnitude >> 13) & 0x3ff);
  vi result = magnitude < 0x38800000 ? subnormal : normal;
  result = magnitude >= 0x477ff000 ? (vi)0x7c00 : result;
  result = magnitude > 0x7f800000 ? nan : result;
  return __builtin_convertvector(result | sign, vh);
#endif
}

INLINE vf widen_bf16(vh h) { return from_bits(__builtin_convertvector(h, vi) << 16); }

INLINE vh narrow_bf16(vf x) {
  vu word = (vu)x;
  vu rounded = (word + 0x7fff + ((word >> 16) & 1)) >> 16;
  vu nan = (word >> 16) | 0x40;
  return __builtin_convertvector(x != x ? nan : rounded, vh);
}

static void f16_to_f32(const uint16_t *x, float *y, size_t n) { CONVERT_LOOP(vh, vf, widen_f16(v)) }
static void f32_to_f16(const float *x, uint16_t *y, size_t n) { CONVERT_LOOP(vf, vh, narrow_f16(v)) }
static void bf16_to_f32(const uint16_t *x, float *y, size_t n) { CONVERT_LOOP(vh, vf, widen_bf16(v)) }
static void f32_to_bf16(const float *x, uint16_t *y, size_t n) { CONVERT_LOOP(vf, vh, narrow_bf16(v)) }

INLINE vi quantized(vf x, float scale, float low, float high) {
  vf v = vround(x / scale);
  v = v != v ? splat(0) : v;
  return __builtin_convertvector(clamp(v, splat(low), splat(high)), vi);
}

static void quantize_u8(const float *x, uint8_t *y, size_t n, float scale, int32_t zero) {
  float low = (float)(0 - zero), high = (float)(255 - zero);
  CONVERT_LOOP(vf, vb, __builtin_convertvector(quantized(v, scale, low, high) + zero, vb))
}
static void quantize_s8(const float *x, int8_t *y, size_t n, float scale, int32_t zero) {
  float low = (float)(-128 - zero), high = (float)(127 - zero);
  CONVERT_LOOP(vf, vsb, __builtin_convertvector(quantized(v, scale, low, high) + zero, vsb))
}
static void dequantize_u8(const uint8_t *x, float *y, size_t n, float scale, int32_t zero) {
  CONVERT_LOOP(vb, vf, __builtin_convertvector(__builtin_convertvector(v, vi) - zero, vf) * scale)
}
static void dequantize_s8(const int8_t *x, float *y, size_t n, float scale, int32_t zero) {
  CONVERT_LOOP(vsb, vf, __builtin_convertvector(__builtin_convertvector(v, vi) - zero, vf) * scale)
}
static void dequantize_s32(const int32_t *x, float *y, size_t n, float scale, int32_t zero) {
  CONVERT_LOOP(vi, vf, __builtin_convertvector((vi)((vu)v - (uint32_t)zero), vf) * scale)
}
