// Binary kernels for all numeric types, and conversions between them. Plain loops: what is hot in f32 has a vector
// version in vector/math_f32.h; the rest is shape arithmetic, masks and indices.
// The same to the bit on every processor: nothing becomes a fused multiply-add that is not written as one.
#pragma STDC FP_CONTRACT OFF

#include <math.h>
#include <string.h>

#include "include/zoo_convert.h"
#include "include/zoo_math.h"

#define FLOATS(X) X(f32, float) X(f64, double)
#define SIGNED(X) X(i8, int8_t) X(i16, int16_t) X(i32, int32_t) X(i64, int64_t)
#define UNSIGNED(X) X(u8, uint8_t) X(u16, uint16_t) X(u32, uint32_t) X(u64, uint64_t)
#define INTEGERS(X) SIGNED(X) UNSIGNED(X)

// Integers are widened to 64 unsigned bits, where wrapping is defined, and cut off again.
#define U(x) ((uint64_t)(x))

#define LOOP(t, result, name, expression)                                                              \
  static void name(const void *pa, ptrdiff_t sa, const void *pb, ptrdiff_t sb, void *py, size_t n) {   \
    const t *pointer_a = pa, *pointer_b = pb;                                                          \
    result *y = py;                                                                                    \
    for (ptrdiff_t i = 0; i < (ptrdiff_t)n; i++) {                                                     \
      t a = pointer_a[i * sa], b = pointer_b[i * sb];                                                  \
      y[i] = (result)(expression);                                                                     \
    }                                                                                                  \
  }

#define COMPARE(s, t)                                 \
  LOOP(t, uint8_t, equal_##s, a == b)                 \
  LOOP(t, uint8_t, less_##s, a < b)                   \
  LOOP(t, uint8_t, less_or_equal_##s, a <= b)         \
  LOOP(t, uint8_t, greater_##s, a > b)                \
  LOOP(t, uint8_t, greater_or_equal_##s, a >= b)
FLOATS(COMPARE)
INTEGERS(COMPARE)

// Calls of the C library go through f64, in which f32 results are exact but for one rounding.
static double floor_mod(double a, double b) {
  double r = fmod(a, b);
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

#define FLOAT_ARITHMETIC(s, t)                            \
  LOOP(t, t, add_##s, a + b)                              \
  LOOP(t, t, sub_##s, a - b)                              \
  LOOP(t, t, mul_##s, a *b)                               \
  LOOP(t, t, div_##s, a / b)                              \
  LOOP(t, t, min_##s, (a < b || a != a) ? a : b)          \
  LOOP(t, t, max_##s, (a > b || a != a) ? a : b)          \
  LOOP(t, t, mod_##s, floor_mod((double)a, (double)b))    \
  LOOP(t, t, fmod_##s, fmod((double)a, (double)b))        \
  LOOP(t, t, pow_##s, pow((double)a, (double)b))          \
  LOOP(t, t, prelu_##s, a < 0 ? a * b : a)
FLOATS(FLOAT_ARITHMETIC)

static int64_t signed_div(int64_t a, int64_t b) {
  if (b == 0) return 0;
  return b == -1 ? (int64_t)(0 - U(a)) : a / b;
}
static int64_t signed_fmod(int64_t a, int64_t b) { return b == 0 || b == -1 ? 0 : a % b; }
static int64_t signed_mod(int64_t a, int64_t b) {
  int64_t r = signed_fmod(a, b);
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}
static uint64_t unsigned_pow(uint64_t a, uint64_t b) {
  uint64_t result = 1;
  for (; b; b >>= 1, a *= a) result *= b & 1 ? a : 1;
  return result;
}
static int64_t signed_pow(int64_t a, int64_t b) {
  if (b >= 0) return (int64_t)unsigned_pow(U(a), U(b));
  if (a == 1) return 1;
  return a == -1 ? (b & 1 ? -1 : 1) : 0;
}

#define INTEGER_ARITHMETIC(s, t)           \
  LOOP(t, t, add_##s, U(a) + U(b))         \
  LOOP(t, t, sub_##s, U(a) - U(b))         \
  LOOP(t, t, mul_##s, U(a) * U(b))         \
  LOOP(t, t, min_##s, a < b ? a : b)       \
  LOOP(t, t, max_##s, a > b ? a : b)
INTEGERS(INTEGER_ARITHMETIC)

#define SIGNED_DIVISION(s, t)              \
  LOOP(t, t, div_##s, signed_div(a, b))    \
  LOOP(t, t, mod_##s, signed_mod(a, b))    \
  LOOP(t, t, fmod_##s, signed_fmod(a, b))  \
  LOOP(t, t, pow_##s, signed_pow(a, b))    \
  LOOP(t, t, prelu_##s, a < 0 ? U(a) * U(b) : U(a))
SIGNED(SIGNED_DIVISION)

#define UNSIGNED_DIVISION(s, t)            \
  LOOP(t, t, div_##s, b ? a / b : 0)       \
  LOOP(t, t, mod_##s, b ? a % b : 0)       \
  LOOP(t, t, fmod_##s, b ? a % b : 0)      \
  LOOP(t, t, pow_##s, unsigned_pow(a, b))  \
  LOOP(t, t, prelu_##s, ((void)b, a))
UNSIGNED(UNSIGNED_DIVISION)

#define ROW(op)                                                                                       \
  [zoo_binary_##op] = {[zoo_f32] = op##_f32, [zoo_f64] = op##_f64, [zoo_i8] = op##_i8,                \
                       [zoo_i16] = op##_i16, [zoo_i32] = op##_i32, [zoo_i64] = op##_i64,              \
                       [zoo_u8] = op##_u8,   [zoo_u16] = op##_u16, [zoo_u32] = op##_u32,              \
                       [zoo_u64] = op##_u64},
#define X(op) ROW(op)
static const zoo_binary_kernel table[zoo_binary_count][zoo_scalar_count] = {ZOO_BINARY_LIST(X)};
#undef X

zoo_binary_kernel zoo_binary_portable(zoo_binary op, zoo_scalar type) {
  if (type == zoo_bool && op == zoo_binary_equal) return equal_u8;
  return table[op][type];
}

size_t zoo_scalar_size(zoo_scalar type) {
  switch (type) {
  case zoo_i8: case zoo_u8: case zoo_bool: return 1;
  case zoo_f16: case zoo_bf16: case zoo_i16: case zoo_u16: return 2;
  case zoo_f64: case zoo_i64: case zoo_u64: return 8;
  default: return 4;
  }
}
