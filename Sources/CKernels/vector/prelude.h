// What every vector_<isa>.c needs before its instruction set is switched on, and the table that it exports.
#pragma once

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "../include/zoo_convert.h"
#include "../include/zoo_math.h"
#include "../include/zoo_vector.h"
#include "../thread_scratch.h"

typedef struct {
  const zoo_unary_f32 *unary;
  zoo_binary_kernel (*binary)(zoo_binary op);  // null where there is no f32 vector version
  const zoo_reduce_f32 *reduce;
  void (*add_relu)(const float *x, const float *s, float *y, size_t n);
  void (*mul_add)(const float *x, const float *m, const float *s, float *y, size_t n);
  zoo_vector_kernels rows;
} zoo_vector_set;

extern const zoo_vector_set zoo_vector_set_portable;
extern const zoo_vector_set zoo_vector_set_neon;
extern const zoo_vector_set zoo_vector_set_avx2;
extern const zoo_vector_set zoo_vector_set_avx512;
