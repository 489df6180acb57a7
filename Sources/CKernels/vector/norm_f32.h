// Normalisation in two passes: the variance is taken around the mean, so that a large mean costs no digits.
#pragma once

/// Meanwhile asks for the rows that are read and written thereafter.
INLINE void normalise_row(const float *x, float *y, size_t n, float mean, float inverse, const float *scale,
                          const float *shift, const float *next_x, const float *next_y) {
  for (size_t i = 0; i < n; i += LANES) {
    fetch(next_x + i);
    fetch(next_y + i);
    vf v = (load_n(x + i, n - i) - mean) * inverse;
    if (scale && shift) {
      v = madd(v, load_n(scale + i, n - i), load_n(shift + i, n - i));
    } else if (scale) {
      v *= load_n(scale + i, n - i);
    } else if (shift) {
      v += load_n(shift + i, n - i);
    }
    store_n(y + i, v, n - i);
  }
}

static void row_norm(const zoo_row_norm *p) {
  size_t n = p->columns;
  for (size_t r = 0; r < p->rows; r++) {
    const float *x = p->x + r * n;
    float *y = p->y + r * n;
    if (p->skip || p->bias || p->sum) {
      float *sum = p->sum ? p->sum + r * n : y;
      for (size_t i = 0; i < n; i += LANES) {
        vf v = load_n(x + i, n - i);
        if (p->skip) v += load_n(p->skip + r * n + i, n - i);
        if (p->bias) v += load_n(p->bias + i, n - i);
        store_n(sum + i, v, n - i);
      }
      x = sum;
    }
    float mean = p->root_mean_square ? 0.0f : (float)(row_sum(x, n, SUM_PLAIN, 0) / (double)n);
    double variance = row_sum(x, n, SUM_SQUARED_FROM, mean) / (double)n;
    float inverse = (float)(1.0 / sqrt(variance + (double)p->epsilon));
    const size_t ahead = next_row(r, p->rows, n);
    normalise_row(x, y, n, mean, inverse, p->scale, p->shift, p->x + ahead, p->y + ahead);
    if (p->mean) p->mean[r] = mean;
    if (p->inverse_deviation) p->inverse_deviation[r] = inverse;
  }
}

static void group_norm(const zoo_group_norm *p) {
  size_t n = p->channels * p->spatial;
  for (size_t g = 0; g < p->groups; g++) {
    const float *x = p->x + g * n;
    float mean = (float)(row_sum(x, n, SUM_PLAIN, 0) / (double)n);
    double variance = row_sum(x, n, SUM_SQUARED_FROM, mean) / (double)n;
    float inverse = (float)(1.0 / sqrt(variance + (double)p->epsilon));
    for (size_t c = 0; c < p->channels; c++) {
      size_t parameter = p->parameters ? (g * p->channels + c) % p->parameters : 0;
      vf scale = splat(p->scale ? inverse * p->scale[parameter] : inverse);
      vf shift = splat(p->shift ? p->shift[parameter] : 0.0f);
      const float *from = x + c * p->spatial;
      float *to = p->y + g * n + c * p->spatial;
      for (size_t i = 0; i < p->spatial; i += LANES) {
        vf v = load_n(from + i, p->spatial - i) - mean;
        store_n(to + i, madd(v, scale, shift), p->spatial - i);
      }
    }
  }
}

static void scale_shift(const float *x, const float *scale, const float *shift, float *y, size_t channels,
                        size_t spatial) {
  for (size_t c = 0; c < channels; c++, x += spatial, y += spatial) {
    loop_affine(x, y, spatial, scale[c], shift[c]);
  }
}

/// s^(quarters / 4)
INLINE vf quarter_power(vf s, int quarters) {
  if (quarters == 4) return s;
  vf half = __builtin_elementwise_sqrt(s);
  if (quarters == 2) return half;
  vf quarter = __builtin_elementwise_sqrt(half);
  return quarters == 1 ? quarter : half * quarter;
}

static void local_response(const zoo_local_response *p) {
  for (size_t c = p->first; c < p->end; c++) {
    const size_t from = c < p->before ? 0 : c - p->before;
    const size_t room = p->channels - c, to = c + (p->after < room ? p->after + 1 : room);
    for (size_t i = 0; i < p->spatial; i += LANES) {
      const size_t left = p->spatial - i;
      vf sum = splat(0.0f);
      for (size_t k = from; k < to; k++) {
        vf v = load_n(p->x + k * p->spatial + i, left);
        sum = madd(v, v, sum);
      }
      vf power = quarter_power(sum * p->alpha + p->bias, p->quarters);
      store_n(p->y + c * p->spatial + i, load_n(p->x + c * p->spatial + i, left) / power, left);
    }
  }
}
