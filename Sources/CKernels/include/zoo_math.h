#pragma once

#include <stddef.h>
#include <stdint.h>

#include "zoo_cpu.h"

#pragma clang assume_nonnull begin

/// Element types that kernels tell apart. Booleans are `zoo_u8` with values 0 and 1.
typedef enum {
  zoo_f32, zoo_f64, zoo_f16, zoo_bf16,
  zoo_i8, zoo_i16, zoo_i32, zoo_i64,
  zoo_u8, zoo_u16, zoo_u32, zoo_u64,
  zoo_bool,
  zoo_scalar_count
} zoo_scalar;

/// Every unary f32 kernel, with its parameters `a` and `b` and its formula (x is the operand). One list feeds the
/// enumeration, the dispatch tables and the tests.
#define ZOO_UNARY_LIST(X)                                            \
  X(relu)             /* max(x, 0) */                                \
  X(leaky_relu)       /* x < 0 ? a x : x */                          \
  X(elu)              /* x < 0 ? a (e^x - 1) : x */                  \
  X(selu)             /* b (x <= 0 ? a (e^x - 1) : x) */             \
  X(celu)             /* max(0, x) + min(0, a (e^(x/a) - 1)) */      \
  X(sigmoid)          /* 1 / (1 + e^-x) */                           \
  X(hard_sigmoid)     /* max(0, min(1, a x + b)) */                  \
  X(hard_swish)       /* x max(0, min(1, x/6 + 1/2)) */              \
  X(swish)            /* x sigmoid(a x) */                           \
  X(mish)             /* x tanh(softplus(x)) */                      \
  X(softplus)         /* ln(1 + e^x) */                              \
  X(softsign)         /* x / (1 + |x|) */                            \
  X(tanh)                                                            \
  X(scaled_tanh)      /* a tanh(b x) */                              \
  X(erf)                                                             \
  X(gelu)             /* x (1 + erf(x / sqrt 2)) / 2 */              \
  X(gelu_tanh)        /* x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2 */ \
  X(exp)                                                             \
  X(log)                                                             \
  X(sqrt)                                                            \
  X(rsqrt)            /* 1 / sqrt(x) */                              \
  X(reciprocal)                                                      \
  X(square)                                                          \
  X(abs)                                                             \
  X(neg)                                                             \
  X(floor)                                                           \
  X(ceil)                                                            \
  X(round)            /* halves to even */                           \
  X(sign)                                                            \
  X(sin)                                                             \
  X(cos)                                                             \
  X(clip)             /* min(max(x, a), b) */                        \
  X(thresholded_relu) /* x > a ? x : 0 */                            \
  X(shrink)           /* x < -a ? x + b : x > a ? x - b : 0 */       \
  X(affine)           /* a x + b */                                  \
  X(tan) X(asin) X(acos) X(atan) X(sinh) X(cosh) X(asinh) X(acosh) X(atanh)

typedef enum {
#define X(name) zoo_unary_##name,
  ZOO_UNARY_LIST(X)
#undef X
  zoo_unary_count
} zoo_unary;

/// y[i] = f(x[i]; a, b) for i < n. `y` may be `x`. An element's result depends on neither its position nor `n`.
typedef void (*zoo_unary_f32)(const float *x, float *y, size_t n, float a, float b);

/// The kernel for an instruction set that `zoo_isa_available`; the portable one otherwise.
zoo_unary_f32 zoo_unary_f32_kernel(zoo_isa isa, zoo_unary op);

/// "relu", "leaky_relu", …
const char *zoo_unary_name(zoo_unary op);

/// Binary kernels. Integers wrap; an integer divided by 0 gives 0, and the smallest integer divided by -1 itself.
#define ZOO_BINARY_LIST(X)                                                     \
  X(add) X(sub) X(mul) X(div)                                                  \
  X(min) X(max)   /* NaN if either operand is */                               \
  X(mod)          /* sign of the divisor (Python's %); x mod 0 = 0 for integers, NaN for floats */ \
  X(fmod)         /* sign of the dividend (C's %) */                           \
  X(pow)          /* integers: a negative exponent truncates towards 0 */      \
  X(prelu)        /* a < 0 ? a b : a */                                        \
  X(equal) X(less) X(less_or_equal) X(greater) X(greater_or_equal) /* to zoo_bool */

typedef enum {
#define X(name) zoo_binary_##name,
  ZOO_BINARY_LIST(X)
#undef X
  zoo_binary_count
} zoo_binary;

/// y[i] = f(a[i·stride_a], b[i·stride_b]) for i < n; strides count elements, 0 repeats one value. `y` may be `a` or `b`
/// where that operand's stride is 1 and result and operand have the same size.
typedef void (*zoo_binary_kernel)(const void *a, ptrdiff_t stride_a, const void *b, ptrdiff_t stride_b, void *y,
                                  size_t n);

/// Null for `zoo_f16`, `zoo_bf16` and, unless `op` is `equal`, for `zoo_bool`.
zoo_binary_kernel _Nullable zoo_binary_kernel_for(zoo_isa isa, zoo_binary op, zoo_scalar type);

/// How the elements of two operands of one type meet: outer axes, outermost first, and along the innermost one `inner`
/// elements, a row.
enum { ZOO_BINARY_ROWS_AXES = 16 };
typedef struct {
  const void *_Nonnull operand[2];
  void *result;
  size_t size, result_size;       // bytes of an element: 1, 2, 4 or 8
  int axes;                       // outer axes, at most ZOO_BINARY_ROWS_AXES
  const ptrdiff_t *extents;       // of the outer axes
  const ptrdiff_t *_Nonnull strides[2];    // elements from one index of an outer axis to the next, 0 to repeat
  ptrdiff_t inner;
  ptrdiff_t steps[2];             // 1, or 0 to repeat one element along the row
} zoo_binary_rows;

/// Rows begin ..< end of the result. `result` may be an operand of its shape and element size.
void zoo_binary_rows_run(
    const zoo_binary_rows *rows, zoo_binary_kernel kernel, ptrdiff_t begin, ptrdiff_t end);

/// y[i] = the element of `x` that element begin + i of a tensor with these extents, outermost first, meets; `strides`
/// count elements of `x`, 0 to repeat. At most ZOO_BINARY_ROWS_AXES axes, of at least one element each.
void zoo_repeat_f32(const float *x, const ptrdiff_t *extents, const ptrdiff_t *strides, int axes, ptrdiff_t begin,
                    ptrdiff_t count, float *y);

/// "add", "sub", …
const char *zoo_binary_name(zoo_binary op);

/// y[i] = max(x[i] + s[i], 0): the end of a residual block. `y` may be `x` or `s`.
void zoo_add_relu_f32(zoo_isa isa, const float *x, const float *s, float *y, size_t n);
/// y[i] = x[i]·m[i] + s[i], rounded once where the instruction set can.
void zoo_mul_add_f32(zoo_isa isa, const float *x, const float *m, const float *s, float *y, size_t n);

#pragma clang assume_nonnull end
