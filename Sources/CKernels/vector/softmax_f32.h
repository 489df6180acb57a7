// Softmax: the greatest value is subtracted so that nothing overflows, and the exponentials are summed in blocks.
#pragma once

/// Meanwhile asks for `next`, the row that is read thereafter.
INLINE float softmax_exponentials(const float *x, float *y, size_t n, float greatest, const float *next) {
  vf origin = splat(greatest);
  double total = 0;
  for (size_t start = 0; start < n; start += BLOCK) {
    size_t end = n - start < BLOCK ? n : start + BLOCK;
    vf s0 = splat(0), s1 = s0;
    size_t i = start;
    for (; i + 2 * LANES <= end; i += 2 * LANES) {
      fetch(next + i);
      fetch(next + i + LANES);
      vf e0 = vexp(load(x + i) - origin), e1 = vexp(load(x + i + LANES) - origin);
      store(y + i, e0);
      store(y + i + LANES, e1);
      s0 += e0;
      s1 += e1;
    }
    for (; i < end; i += LANES) {
      vf e = vexp(load_n(x + i, end - i) - origin);
      store_n(y + i, e, end - i);
      s0 += keep(e, end - i, splat(0));
    }
    total += (double)horizontal_sum(s0 + s1);
  }
  return (float)total;
}

static void softmax_rows(const zoo_softmax_rows *p) {
  size_t n = p->columns;
  for (size_t r = 0; r < p->rows; r++) {
    const float *x = p->x + r * n;
    float *y = p->y + r * n;
    const size_t ahead = next_row(r, p->rows, n);
    if (p->mask || p->scale != 1.0f) {
      const float *mask = p->mask ? p->mask + r * p->mask_stride : 0;
      for (size_t i = 0; i < n; i += LANES) {
        vf added = mask ? load_n(mask + i, n - i) : splat(0);
        store_n(y + i, madd(load_n(x + i, n - i), splat(p->scale), added), n - i);
      }
      x = y;
    }
    float greatest = row_max(x, n);
    if (p->logarithm) {
      float shift = (float)log(row_sum(x, n, SUM_EXP_FROM, greatest));
      for (size_t i = 0; i < n; i += LANES) {
        store_n(y + i, (load_n(x + i, n - i) - greatest) - shift, n - i);
      }
    } else {
      vf factor = splat(1.0f / softmax_exponentials(x, y, n, greatest, p->x + ahead));
      for (size_t i = 0; i < n; i += LANES) {
        fetch(p->y + ahead + i);
        store_n(y + i, load_n(y + i, n - i) * factor, n - i);
      }
    }
  }
}

INLINE void softmax_column(const float *x, float *y, size_t axis, size_t inner, size_t lanes, int logarithm) {
  vf greatest = column_extreme(x, axis, inner, lanes, 0);
  vf total = column_sum(x, axis, inner, lanes, SUM_EXP_FROM, greatest);
  vf shift = vlog(total), factor = 1.0f / total;
  for (size_t a = 0; a < axis; a++) {
    vf v = load_n(x + a * inner, lanes) - greatest;
    store_n(y + a * inner, logarithm ? v - shift : vexp(v) * factor, lanes);
  }
}

static void softmax_columns(const zoo_softmax_columns *p) {
  for (size_t o = 0; o < p->outer; o++) {
    const float *x = p->x + o * p->axis * p->inner;
    float *y = p->y + o * p->axis * p->inner;
    for (size_t i = 0; i < p->inner; i += LANES) {
      softmax_column(x + i, y + i, p->axis, p->inner, p->inner - i, p->logarithm);
    }
  }
}
