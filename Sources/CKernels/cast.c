// Conversions between all numeric types.
#include <string.h>

#include "include/zoo_convert.h"
#include "include/zoo_vector.h"

enum { CHUNK = 256 };

#define NUMERIC(X)                                                                          \
  X(f32, float) X(f64, double) X(i8, int8_t) X(i16, int16_t) X(i32, int32_t) X(i64, int64_t) \
  X(u8, uint8_t) X(u16, uint16_t) X(u32, uint32_t) X(u64, uint64_t)

// Truncation that is defined for every value, also where C's own conversion is not.
static uint64_t integer_of(double x) {
  if (x >= -0x1p63 && x < 0x1p63) return (uint64_t)(int64_t)x;
  if (x >= 0x1p63 && x < 0x1p64) return (uint64_t)x;
  return (uint64_t)1 << 63;
}

#define INTEGER_OF(x) \
  _Generic((x), float: integer_of((double)(x)), double: integer_of((double)(x)), default: (uint64_t)(x))

#define TO_FLOAT(to, t, from, s)                                        \
  static void from##_to_##to(const void *px, void *py, size_t n) {      \
    const s *x = px;                                                    \
    t *y = py;                                                          \
    for (size_t i = 0; i < n; i++) y[i] = (t)x[i];                      \
  }
#define TO_INTEGER(to, t, from, s)                                      \
  static void from##_to_##to(const void *px, void *py, size_t n) {      \
    const s *x = px;                                                    \
    t *y = py;                                                          \
    for (size_t i = 0; i < n; i++) y[i] = (t)INTEGER_OF(x[i]);          \
  }
#define FROM(from, s)                                                            \
  TO_FLOAT(f32, float, from, s)                                                  \
  TO_FLOAT(f64, double, from, s)                                                 \
  TO_INTEGER(i8, int8_t, from, s)                                                \
  TO_INTEGER(i16, int16_t, from, s)                                              \
  TO_INTEGER(i32, int32_t, from, s)                                              \
  TO_INTEGER(i64, int64_t, from, s)                                              \
  TO_INTEGER(u8, uint8_t, from, s)                                               \
  TO_INTEGER(u16, uint16_t, from, s)                                             \
  TO_INTEGER(u32, uint32_t, from, s)                                             \
  TO_INTEGER(u64, uint64_t, from, s)                                             \
  static void from##_to_bool(const void *px, void *py, size_t n) {               \
    const s *x = px;                                                             \
    uint8_t *y = py;                                                             \
    for (size_t i = 0; i < n; i++) y[i] = x[i] != 0;                             \
  }
NUMERIC(FROM)

typedef void (*cast_loop)(const void *x, void *y, size_t n);
#define ROW(from, s)                                                                                   \
  [zoo_##from] = {[zoo_f32] = from##_to_f32, [zoo_f64] = from##_to_f64, [zoo_i8] = from##_to_i8,        \
                  [zoo_i16] = from##_to_i16, [zoo_i32] = from##_to_i32, [zoo_i64] = from##_to_i64,      \
                  [zoo_u8] = from##_to_u8,   [zoo_u16] = from##_to_u16, [zoo_u32] = from##_to_u32,      \
                  [zoo_u64] = from##_to_u64, [zoo_bool] = from##_to_bool},
static const cast_loop loops[zoo_scalar_count][zoo_scalar_count] = {
    NUMERIC(ROW)
};

static int is_half(zoo_scalar type) { return type == zoo_f16 || type == zoo_bf16; }

static void widen(zoo_scalar type, const uint16_t *x, float *y, size_t n) {
  const zoo_vector_kernels *kernels = zoo_vector_kernels_for(zoo_cpu_isa());
  (type == zoo_f16 ? kernels->f16_to_f32 : kernels->bf16_to_f32)(x, y, n);
}
static void narrow(zoo_scalar type, const float *x, uint16_t *y, size_t n) {
  const zoo_vector_kernels *kernels = zoo_vector_kernels_for(zoo_cpu_isa());
  (type == zoo_f16 ? kernels->f32_to_f16 : kernels->f32_to_bf16)(x, y, n);
}

static zoo_scalar stored(zoo_scalar type) { return type == zoo_bool ? zoo_u8 : type; }

// f64 and wide integers round to odd on their way to a 16-bit float, so that the second rounding decides rightly.
static float odd_f32(double x) {
  float f = (float)x;
  if ((double)f == x || f != f || f - f != 0.0f) return f;
  uint32_t word;
  memcpy(&word, &f, sizeof word);
  if (!(word & 1)) {
    int away = x > 0 ? (double)f > x : (double)f < x;
    if (away) word -= 1;
    word |= 1;
  }
  memcpy(&f, &word, sizeof f);
  return f;
}

static void cast_chunk(const void *x, zoo_scalar from, void *y, zoo_scalar to, size_t n) {
  float singles[CHUNK];
  double doubles[CHUNK];
  if (is_half(from)) {
    widen(from, x, singles, n);
    x = singles;
    from = zoo_f32;
  }
  if (!is_half(to)) {
    loops[stored(from)][to](x, y, n);
    return;
  }
  if (from != zoo_f32) {
    loops[stored(from)][zoo_f64](x, doubles, n);
    for (size_t i = 0; i < n; i++) singles[i] = odd_f32(doubles[i]);
    x = singles;
  }
  narrow(to, x, y, n);
}

void zoo_cast(const void *from, zoo_scalar from_type, void *to, zoo_scalar to_type, size_t n) {
  size_t from_size = zoo_scalar_size(from_type), to_size = zoo_scalar_size(to_type);
  if (from_type == to_type) {
    memmove(to, from, n * from_size);
    return;
  }
  if (!is_half(from_type) && !is_half(to_type)) {
    loops[stored(from_type)][to_type](from, to, n);
    return;
  }
  for (size_t i = 0; i < n; i += CHUNK) {
    cast_chunk((const char *)from + i * from_size, from_type, (char *)to + i * to_size, to_type,
               n - i < CHUNK ? n - i : CHUNK);
  }
}
