// Elementary functions on vectors. The polynomials are minimax fits (Lawson's iteratively reweighted least squares on
// Chebyshev nodes, coefficients rounded to f32 one after the other).
// Range reduction follows Cody and Waite, "Software Manual for the Elementary Functions" (1980).
// Errors, in units in the last place of the result, are checked by Tests/ZooRuntimeTests/Kernels/UnaryKernelTests.
#pragma once

#include "words.h"

/// `x` scaled by 2ⁿ for n in -252 ... 254; rounds once, results may be subnormal.
INLINE vf scale2(vf x, vi n) {
#if defined(__x86_64__) && LANES == 16
  return (vf)_mm512_scalef_ps((__m512)x, _mm512_cvtepi32_ps((__m512i)n));
#else
  vi half = n >> 1;
  vf low = from_bits((half + 127) << 23), high = from_bits((n - half + 127) << 23);
  return x * low * high;
#endif
}

/// eˣ = 2ⁿ (1 + p): gives p = e^r - 1 for |r| ≤ ln 2 / 2, and n. x must lie in -2²¹ ... 2²¹ or be NaN.
INLINE vf exp_reduce(vf x, vi *n) {
  const float magic = 0x1.8p23f;
  vf shifted = madd(x, splat(0x1.715476p+0f), splat(magic));
  *n = bits(shifted) - bits(splat(magic));
  vf k = shifted - magic;
  vf r = madd(k, splat(-0x1.62e400p-1f), x);
  r = madd(k, splat(-0x1.7f7d1cp-20f), r);
  vf q = madd(splat(0x1.6a4d60p-10f), r, splat(0x1.12398ep-7f));
  q = madd(q, r, splat(0x1.5558b0p-5f));
  q = madd(q, r, splat(0x1.555492p-3f));
  q = madd(q, r, splat(0x1.fffffcp-2f));
  return madd(r * r, q, r);
}

/// eˣ, 1 ulp; overflows to infinity, underflows gradually to 0.
INLINE vf vexp(vf x) {
  vi n;
  vf p = exp_reduce(clamp(x, splat(-104.0f), splat(89.0f)), &n);
  return scale2(p + 1.0f, n);
}

/// eˣ - 1, 2 ulp, also near 0.
INLINE vf vexpm1(vf x) {
  vi n;
  vf p = exp_reduce(clamp(x, splat(-18.0f), splat(89.0f)), &n);
  vf half_power = from_bits((n + 126) << 23);
  vf sum = madd(half_power, p, half_power - 0.5f);
  vf result = sum + sum;
  return x == 0.0f ? x : result;
}

/// ln x, 1 ulp; NaN below 0, -infinity at 0.
INLINE vf vlog(vf x) {
  vi is_small = x < 0x1p-126f;
  vf scaled = is_small ? x * 0x1p23f : x;
  vi word = bits(scaled) - 0x3f3504f3;
  vi exponent = (word >> 23) - (is_small ? (vi)23 : (vi)0);
  vf f = from_bits((word & 0x007fffff) + 0x3f3504f3) - 1.0f;
  vf p = madd(splat(0x1.14763ap-4f), f, splat(-0x1.de02d6p-4f));
  p = madd(p, f, splat(0x1.e6bf38p-4f));
  p = madd(p, f, splat(-0x1.fc2884p-4f));
  p = madd(p, f, splat(0x1.233ba8p-3f));
  p = madd(p, f, splat(-0x1.555c46p-3f));
  p = madd(p, f, splat(0x1.99a476p-3f));
  p = madd(p, f, splat(-0x1.000006p-2f));
  p = madd(p, f, splat(0x1.555548p-2f));
  vf square = f * f;
  vf e = __builtin_convertvector(exponent, vf);
  vf tail = madd(f * square, p, e * -0x1.bd0106p-13f);
  tail = madd(square, splat(-0.5f), tail) + f;
  vf result = madd(e, splat(0x1.63p-1f), tail);
  result = x == __builtin_inff() ? x : result;
  result = x == 0.0f ? splat(-__builtin_inff()) : result;
  return ((x < 0.0f) | (x != x)) ? splat(__builtin_nanf("")) : result;
}

/// ln(1 + x) for 0 ≤ x ≤ 1, 2 ulp.
INLINE vf vlog1p_unit(vf x) {
  vf u = x + 1.0f;
  return vlog(u) + (x - (u - 1.0f)) / u;
}

/// 3 ulp.
INLINE vf vtanh(vf x) {
  vf magnitude = vabs(x);
  vf e = vexpm1(-2.0f * (magnitude > 10.0f ? splat(10.0f) : magnitude));
  return copysign_of(e / (e + 2.0f), x);
}

/// 1 / (1 + e⁻ˣ), 3 ulp, also where the result is subnormal.
INLINE vf vsigmoid(vf x) {
  vf e = vexp(-vabs(x));
  return (x < 0.0f ? e : splat(1.0f)) / (e + 1.0f);
}

/// ln(1 + eˣ), 3 ulp.
INLINE vf vsoftplus(vf x) {
  vf base = vlog1p_unit(vexp(-vabs(x)));
  return x > 0.0f ? x + base : base;
}

/// x tanh(ln(1 + eˣ)) = x w(w + 2) / (w(w + 2) + 2) with w = eˣ; 4 ulp.
INLINE vf vmish(vf x) {
  vf w = vexp(x > 20.0f ? splat(20.0f) : x);
  vf numerator = madd(w, w, w + w);
  return x * (numerator / (numerator + 2.0f));
}

/// The odd part of erf on |x| < 1: erf(x) = x + x P(x²).
INLINE vf erf_small(vf x) {
  vf t = x * x;
  vf p = madd(splat(0x1.4771fcp-14f), t, splat(-0x1.a3515ep-11f));
  p = madd(p, t, splat(0x1.53f224p-8f));
  p = madd(p, t, splat(-0x1.b7f71ap-6f));
  p = madd(p, t, splat(0x1.ce2ce6p-4f));
  p = madd(p, t, splat(-0x1.81273ep-2f));
  p = madd(p, t, splat(0x1.06eba8p-3f));
  return madd(x, p, x);
}

/// 1 - erf(t) for t ≥ 1, absolute error below 2⁻²⁶; 0 from 4 on.
INLINE vf erfc_large(vf t) {
  vf u = t > 4.0f ? splat(4.0f) : t;
  vf g = madd(splat(-0x1.896b28p-13f), u, splat(0x1.83faeap-9f));
  g = madd(g, u, splat(-0x1.66a318p-6f));
  g = madd(g, u, splat(0x1.a6c7e4p-4f));
  g = madd(g, u, splat(0x1.46a98ep-1f));
  g = madd(g, u, splat(0x1.208e52p+0f));
  g = madd(g, u, splat(0x1.5022dcp-12f));
  vi n;
  vf p = exp_reduce(-g, &n);
  return scale2(p + 1.0f, n);
}

/// 2 ulp.
INLINE vf verf(vf x) {
  vf magnitude = vabs(x);
  vf large = copysign_of(1.0f - erfc_large(magnitude), x);
  return magnitude < 1.0f ? erf_small(x) : large;
}

/// x Φ(x), 4 ulp or 1e-7 · max(1, |x|). Φ is taken from the tail's own value on the left, where 1 + erf would cancel.
INLINE vf vgelu(vf x) {
  vf z = x * 0x1.6a09e6p-1f;
  vf t = vabs(z);
  vf tail = 0.5f * (t > 4.0f ? splat(0) : erfc_large(t));
  vf outer = x < 0.0f ? tail : 1.0f - tail;
  return x * (t < 1.0f ? madd(splat(0.5f), erf_small(z), splat(0.5f)) : outer);
}

/// x / (1 + e⁻ʸ) with y = √(8/π) (x + 0.044715 x³); 4 ulp or 2e-7 · max(1, |x|).
INLINE vf vgelu_tanh(vf x) {
  vf inner = madd(x * x, splat(0x1.2444f2p-4f), splat(0x1.988454p+0f));
  return x * vsigmoid(x * inner);
}
