// Pooling is separable: each output row first combines its input rows into one padded row, then slides along it.
#pragma once

INLINE vf pool_combine(vf a, vf b, int is_max) { return is_max ? vmax(a, b) : a + b; }

/// Every `stride`-th value from `p` on.
INLINE vf load_strided(const float *p, size_t stride) {
  if (stride == 1) return load(p);
  vf v;
  for (size_t i = 0; i < LANES; i++) v[i] = p[i * stride];
  return v;
}

/// How many of a window's taps count, along one axis of `in` values with `pad_end` counted ones behind them and
/// `pad_begin` before them.
INLINE size_t pool_taps(ptrdiff_t start, size_t kernel, size_t dilation, size_t in, ptrdiff_t pad_begin,
                        ptrdiff_t pad_end) {
  size_t taps = 0;
  for (size_t k = 0; k < kernel; k++) {
    ptrdiff_t at = start + (ptrdiff_t)(k * dilation);
    taps += at >= -pad_begin && at < (ptrdiff_t)in + pad_end;
  }
  return taps;
}

INLINE void pool_rows(const zoo_pool_2d *p, const float *x, float *line, ptrdiff_t top, int is_max) {
  float neutral = is_max ? -__builtin_inff() : 0.0f;
  for (size_t i = 0; i < p->in_w; i += LANES) {
    vf v = splat(neutral);
    for (size_t k = 0; k < p->kernel_h; k++) {
      ptrdiff_t row = top + (ptrdiff_t)(k * p->dilation_h);
      if (row < 0 || row >= (ptrdiff_t)p->in_h) continue;
      v = pool_combine(v, load_n(x + (size_t)row * p->in_w + i, p->in_w - i), is_max);
    }
    store_n(line + i, v, p->in_w - i);
  }
}

INLINE void pool_columns(const zoo_pool_2d *p, const float *line, float *y, const float *taps, float row_taps,
                         size_t stride, int is_max) {
  for (size_t i = 0; i < p->out_w; i += LANES) {
    vf v = load_strided(line + i * stride, stride);
    for (size_t k = 1; k < p->kernel_w; k++) {
      v = pool_combine(v, load_strided(line + i * stride + k * p->dilation_w, stride), is_max);
    }
    if (!is_max) v /= load_n(taps + i, p->out_w - i) * row_taps;
    store_n(y + i, v, p->out_w - i);
  }
}

INLINE void pool_2d(const zoo_pool_2d *p, const float *x, float *y, float *scratch, int is_max) {
  size_t line_size = zoo_pool_2d_scratch(p) - p->out_w;
  float *line = scratch, *taps = scratch + line_size;
  int pads = p->count_include_pad;
  for (size_t i = 0; i < line_size; i++) line[i] = is_max ? -__builtin_inff() : 0.0f;
  for (size_t c = 0; c < p->out_w && !is_max; c++) {
    ptrdiff_t left = (ptrdiff_t)(c * p->stride_w) - (ptrdiff_t)p->pad_left;
    size_t count = pool_taps(left, p->kernel_w, p->dilation_w, p->in_w, pads ? (ptrdiff_t)p->pad_left : 0,
                             pads ? (ptrdiff_t)p->pad_right : 0);
    taps[c] = (float)(count ? count : 1);
  }
  for (size_t plane = 0; plane < p->planes; plane++, x += p->in_h * p->in_w) {
    for (size_t r = 0; r < p->out_h; r++, y += p->out_w) {
      ptrdiff_t top = (ptrdiff_t)(r * p->stride_h) - (ptrdiff_t)p->pad_top;
      size_t count = pool_taps(top, p->kernel_h, p->dilation_h, p->in_h, pads ? (ptrdiff_t)p->pad_top : 0,
                               pads ? (ptrdiff_t)p->pad_bottom : 0);
      float row_taps = (float)(count ? count : 1);
      pool_rows(p, x, line + p->pad_left, top, is_max);
      switch (p->stride_w) {
      case 1: pool_columns(p, line, y, taps, row_taps, 1, is_max); break;
      case 2: pool_columns(p, line, y, taps, row_taps, 2, is_max); break;
      default: pool_columns(p, line, y, taps, row_taps, p->stride_w, is_max);
      }
    }
  }
}

static void max_pool_2d(const zoo_pool_2d *p, const float *x, float *y, float *scratch) {
  pool_2d(p, x, y, scratch, 1);
}
static void average_pool_2d(const zoo_pool_2d *p, const float *x, float *y, float *scratch) {
  pool_2d(p, x, y, scratch, 0);
}
