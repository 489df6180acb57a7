// Unary and fused f32 kernels: one vector function for each entry of ZOO_UNARY_LIST, and the loop around it.
#pragma once

/// Sine (quadrant 0) or cosine (quadrant 1), 2 ulp. The argument is reduced in f64, exactly enough below 2²⁰;
/// larger ones go to the C library lane by lane.
INLINE vf vsincos(vf x, int quadrant) {
  vd wide = __builtin_convertvector(x, vd);
  vd shifted = wide * 0x1.45f306dc9c883p-1 + 0x1.8p52;
  vd k = shifted - 0x1.8p52;
  vd reduced = (wide - k * 0x1.921fb544p+0) - k * 0x1.0b4611a626331p-34;
  typedef int64_t vl __attribute__((ext_vector_type(LANES)));
  vi q = __builtin_convertvector((vl)shifted, vi) + quadrant;
  vf r = __builtin_convertvector(reduced, vf);
  vf t = r * r;
  vf s = madd(madd(splat(-0x1.9951fap-13f), t, splat(0x1.110774p-7f)), t, splat(-0x1.555546p-3f));
  s = madd(r * t, s, r);
  vf c = madd(madd(splat(0x1.99e816p-16f), t, splat(-0x1.6c0c28p-10f)), t, splat(0x1.55554ap-5f));
  c = madd(t * t, c, madd(splat(-0.5f), t, splat(1.0f)));
  vf value = (q & 1) != 0 ? c : s;
  value = from_bits(bits(value) ^ ((q & 2) << 30));
  vi is_large = !(vabs(x) < 0x1p20f);
  for (int i = 0; i < LANES; i++) {
    if (is_large[i]) value[i] = (float)(quadrant ? cos((double)x[i]) : sin((double)x[i]));
  }
  return value;
}

INLINE vf unary_relu(vf x, vf a, vf b) { return x < 0.0f ? splat(0) : x; }
INLINE vf unary_leaky_relu(vf x, vf a, vf b) { return x < 0.0f ? a * x : x; }
INLINE vf unary_elu(vf x, vf a, vf b) { return x < 0.0f ? a * vexpm1(x) : x; }
INLINE vf unary_selu(vf x, vf a, vf b) { return x > 0.0f ? b * x : (b * a) * vexpm1(x); }
INLINE vf unary_celu(vf x, vf a, vf b) {
  vf low = a * vexpm1(x / a);
  low = low > 0.0f ? splat(0) : low;
  return (x < 0.0f ? splat(0) : x) + low;
}
INLINE vf unary_sigmoid(vf x, vf a, vf b) { return vsigmoid(x); }
INLINE vf unary_hard_sigmoid(vf x, vf a, vf b) { return clamp(madd(a, x, b), splat(0), splat(1)); }
INLINE vf unary_hard_swish(vf x, vf a, vf b) {
  return x * clamp(madd(x, splat(1.0f / 6), splat(0.5f)), splat(0), splat(1));
}
INLINE vf unary_swish(vf x, vf a, vf b) { return x * vsigmoid(a * x); }
INLINE vf unary_mish(vf x, vf a, vf b) { return vmish(x); }
INLINE vf unary_softplus(vf x, vf a, vf b) { return vsoftplus(x); }
INLINE vf unary_softsign(vf x, vf a, vf b) { return x / (vabs(x) + 1.0f); }
INLINE vf unary_tanh(vf x, vf a, vf b) { return vtanh(x); }
INLINE vf unary_scaled_tanh(vf x, vf a, vf b) { return a * vtanh(b * x); }
INLINE vf unary_erf(vf x, vf a, vf b) { return verf(x); }
INLINE vf unary_gelu(vf x, vf a, vf b) { return vgelu(x); }
INLINE vf unary_gelu_tanh(vf x, vf a, vf b) { return vgelu_tanh(x); }
INLINE vf unary_exp(vf x, vf a, vf b) { return vexp(x); }
INLINE vf unary_log(vf x, vf a, vf b) { return vlog(x); }
INLINE vf unary_sqrt(vf x, vf a, vf b) { return __builtin_elementwise_sqrt(x); }
INLINE vf unary_rsqrt(vf x, vf a, vf b) { return 1.0f / __builtin_elementwise_sqrt(x); }
INLINE vf unary_reciprocal(vf x, vf a, vf b) { return 1.0f / x; }
INLINE vf unary_square(vf x, vf a, vf b) { return x * x; }
INLINE vf unary_abs(vf x, vf a, vf b) { return vabs(x); }
INLINE vf unary_neg(vf x, vf a, vf b) { return -x; }
INLINE vf unary_floor(vf x, vf a, vf b) { return __builtin_elementwise_floor(x); }
INLINE vf unary_ceil(vf x, vf a, vf b) { return __builtin_elementwise_ceil(x); }
INLINE vf unary_round(vf x, vf a, vf b) { return vround(x); }
INLINE vf unary_sign(vf x, vf a, vf b) {
  vf one = copysign_of(splat(1), x);
  return ((x < 0.0f) | (x > 0.0f)) ? one : x;
}
INLINE vf unary_sin(vf x, vf a, vf b) { return x == 0.0f ? x : vsincos(x, 0); }
INLINE vf unary_cos(vf x, vf a, vf b) { return vsincos(x, 1); }
INLINE vf unary_clip(vf x, vf a, vf b) { return clamp(x, a, b); }
INLINE vf unary_thresholded_relu(vf x, vf a, vf b) { return x > a ? x : splat(0); }
INLINE vf unary_shrink(vf x, vf a, vf b) {
  vf inside = x > a ? x - b : splat(0);
  return x < -a ? x + b : inside;
}
INLINE vf unary_affine(vf x, vf a, vf b) { return madd(a, x, b); }

#define BY_LANE(name, call)                             \
  INLINE vf unary_##name(vf x, vf a, vf b) {            \
    for (int i = 0; i < LANES; i++) {                   \
      x[i] = (float)call((double)x[i]);                 \
    }                                                   \
    return x;                                           \
  }
BY_LANE(tan, tan)
BY_LANE(asin, asin)
BY_LANE(acos, acos)
BY_LANE(atan, atan)
BY_LANE(sinh, sinh)
BY_LANE(cosh, cosh)
BY_LANE(asinh, asinh)
BY_LANE(acosh, acosh)
BY_LANE(atanh, atanh)
#undef BY_LANE

#define X(name)                                                                                     \
  static void loop_##name(const float *x, float *y, size_t n, float a, float b) {                   \
    vf va = splat(a), vb = splat(b);                                                                \
    size_t i = 0;                                                                                   \
    for (; i + LANES <= n; i += LANES) {                                                            \
      const size_t far = i + FAR < n ? i + FAR : i;                                                 \
      fetch(x + far);                                                                               \
      fetch(y + far);                                                                               \
      store(y + i, unary_##name(load(x + i), va, vb));                                              \
    }                                                                                               \
    if (i < n) store_part(y + i, unary_##name(load_part(x + i, n - i), va, vb), n - i);             \
  }
ZOO_UNARY_LIST(X)
#undef X

static const zoo_unary_f32 unary_loops[zoo_unary_count] = {
#define X(name) loop_##name,
    ZOO_UNARY_LIST(X)
#undef X
};

// `name(a, b)` on vectors, for every combination of repeated and consecutive operands.
#define BINARY(name, expression)                                                                    \
  INLINE vf pair_##name(vf a, vf b) { return expression; }                                          \
  static void binary_##name(const void *pa, ptrdiff_t sa, const void *pb, ptrdiff_t sb, void *py,   \
                            size_t n) {                                                             \
    const float *a = pa, *b = pb;                                                                   \
    float *y = py;                                                                                  \
    size_t i = 0;                                                                                   \
    if (n == 0) return;                                                                             \
    if (sa == 1 && sb == 1) {                                                                       \
      for (; i + LANES <= n; i += LANES) store(y + i, pair_##name(load(a + i), load(b + i)));       \
      if (i < n) {                                                                                  \
        store_part(y + i, pair_##name(load_part(a + i, n - i), load_part(b + i, n - i)), n - i);    \
      }                                                                                             \
    } else if (sa == 1 && sb == 0) {                                                                \
      vf vb = splat(*b);                                                                            \
      for (; i + LANES <= n; i += LANES) store(y + i, pair_##name(load(a + i), vb));                \
      if (i < n) store_part(y + i, pair_##name(load_part(a + i, n - i), vb), n - i);                \
    } else if (sa == 0 && sb == 1) {                                                                \
      vf va = splat(*a);                                                                            \
      for (; i + LANES <= n; i += LANES) store(y + i, pair_##name(va, load(b + i)));                \
      if (i < n) store_part(y + i, pair_##name(va, load_part(b + i, n - i)), n - i);                \
    } else {                                                                                        \
      for (; i < n; i++) {                                                                          \
        y[i] = pair_##name(splat(a[(ptrdiff_t)i * sa]), splat(b[(ptrdiff_t)i * sb]))[0];            \
      }                                                                                             \
    }                                                                                               \
  }
BINARY(add, a + b)
BINARY(sub, a - b)
BINARY(mul, a *b)
BINARY(div, a / b)
BINARY(min, vmin(a, b))
BINARY(max, vmax(a, b))
BINARY(prelu, a < 0.0f ? a * b : a)
#undef BINARY

static zoo_binary_kernel binary_loop(zoo_binary op) {
  switch (op) {
#define CASE(name) case zoo_binary_##name: return binary_##name
    CASE(add);
    CASE(sub);
    CASE(mul);
    CASE(div);
    CASE(min);
    CASE(max);
    CASE(prelu);
#undef CASE
    default: return 0;
  }
}

static void add_relu(const float *x, const float *s, float *y, size_t n) {
  for (size_t i = 0; i < n; i += LANES) {
    vf sum = load_n(x + i, n - i) + load_n(s + i, n - i);
    store_n(y + i, unary_relu(sum, sum, sum), n - i);
  }
}

static void mul_add(const float *x, const float *m, const float *s, float *y, size_t n) {
  for (size_t i = 0; i < n; i += LANES) {
    store_n(y + i, madd(load_n(x + i, n - i), load_n(m + i, n - i), load_n(s + i, n - i)), n - i);
  }
}
