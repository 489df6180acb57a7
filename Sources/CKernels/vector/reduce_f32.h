// Sums in two levels: vectors within a block, f64 over blocks, so that rounding does not grow with the row.
#pragma once

enum { SUM_PLAIN, SUM_ABSOLUTE, SUM_SQUARED_FROM, SUM_EXP_FROM };
enum { BLOCK = 4096, COLUMN_BLOCK = 64 };

INLINE vf summand(vf x, int kind, vf origin) {
  switch (kind) {
  case SUM_ABSOLUTE: return vabs(x);
  case SUM_SQUARED_FROM: return (x - origin) * (x - origin);
  case SUM_EXP_FROM: return vexp(x - origin);
  default: return x;
  }
}

INLINE float block_sum(const float *x, size_t n, int kind, vf origin) {
  vf s0 = splat(0), s1 = s0, s2 = s0, s3 = s0;
  size_t i = 0;
  for (; i + 4 * LANES <= n; i += 4 * LANES) {
    s0 += summand(load(x + i), kind, origin);
    s1 += summand(load(x + i + LANES), kind, origin);
    s2 += summand(load(x + i + 2 * LANES), kind, origin);
    s3 += summand(load(x + i + 3 * LANES), kind, origin);
  }
  for (; i < n; i += LANES) s0 += keep(summand(load_n(x + i, n - i), kind, origin), n - i, splat(0));
  return horizontal_sum((s0 + s1) + (s2 + s3));
}

INLINE double row_sum(const float *x, size_t n, int kind, float origin) {
  double total = 0;
  for (size_t i = 0; i < n; i += BLOCK) {
    total += (double)block_sum(x + i, n - i < BLOCK ? n - i : BLOCK, kind, splat(origin));
  }
  return total;
}

/// Where the row after row `r` begins, if it is worth asking for: the same row for the last one, and for rows so long that
/// the next one would drive them from the caches.
INLINE size_t next_row(size_t r, size_t rows, size_t n) {
  return (r + 1 < rows && n <= 16 * FAR ? r + 1 : r) * n;
}

INLINE float row_max(const float *x, size_t n) {
  vf m0 = splat(-__builtin_inff()), m1 = m0;
  size_t i = 0;
  for (; i + 2 * LANES <= n; i += 2 * LANES) {
    m0 = vmax(m0, load(x + i));
    m1 = vmax(m1, load(x + i + LANES));
  }
  for (; i < n; i += LANES) m0 = vmax(m0, keep(load_n(x + i, n - i), n - i, m1));
  return horizontal_max(vmax(m0, m1));
}

INLINE float row_min(const float *x, size_t n) {
  vf m0 = splat(__builtin_inff()), m1 = m0;
  size_t i = 0;
  for (; i + 2 * LANES <= n; i += 2 * LANES) {
    m0 = vmin(m0, load(x + i));
    m1 = vmin(m1, load(x + i + LANES));
  }
  for (; i < n; i += LANES) m0 = vmin(m0, keep(load_n(x + i, n - i), n - i, m1));
  return horizontal_min(vmin(m0, m1));
}

INLINE float row_product(const float *x, size_t n) {
  vf p0 = splat(1), p1 = p0;
  size_t i = 0;
  for (; i + 2 * LANES <= n; i += 2 * LANES) {
    p0 *= load(x + i);
    p1 *= load(x + i + LANES);
  }
  for (; i < n; i += LANES) p0 *= keep(load_n(x + i, n - i), n - i, splat(1));
  return horizontal_product(p0 * p1);
}

// Subtracting an infinite maximum would give NaN where the sum is plainly 0 or infinite.
INLINE float finite_or_zero(float x) { return x - x == 0.0f ? x : 0.0f; }

INLINE float reduce_row(const float *x, size_t n, zoo_reduce op) {
  switch (op) {
  case zoo_reduce_mean: return (float)(row_sum(x, n, SUM_PLAIN, 0) / (double)n);
  case zoo_reduce_max: return row_max(x, n);
  case zoo_reduce_min: return row_min(x, n);
  case zoo_reduce_prod: return row_product(x, n);
  case zoo_reduce_sum_square: return (float)row_sum(x, n, SUM_SQUARED_FROM, 0);
  case zoo_reduce_l1: return (float)row_sum(x, n, SUM_ABSOLUTE, 0);
  case zoo_reduce_l2: return (float)sqrt(row_sum(x, n, SUM_SQUARED_FROM, 0));
  case zoo_reduce_log_sum: return (float)log(row_sum(x, n, SUM_PLAIN, 0));
  case zoo_reduce_log_sum_exp: {
    float origin = finite_or_zero(row_max(x, n));
    return (float)(log(row_sum(x, n, SUM_EXP_FROM, origin)) + (double)origin);
  }
  default: return (float)row_sum(x, n, SUM_PLAIN, 0);
  }
}

INLINE vf column_extreme(const float *x, size_t axis, size_t inner, size_t lanes, int is_min) {
  vf best = splat(is_min ? __builtin_inff() : -__builtin_inff());
  for (size_t a = 0; a < axis; a++) {
    vf v = load_n(x + a * inner, lanes);
    best = is_min ? vmin(best, v) : vmax(best, v);
  }
  return best;
}

INLINE vf column_sum(const float *x, size_t axis, size_t inner, size_t lanes, int kind, vf origin) {
  vf total = splat(0);
  for (size_t a = 0; a < axis; a += COLUMN_BLOCK) {
    size_t end = axis - a < COLUMN_BLOCK ? axis : a + COLUMN_BLOCK;
    vf part = splat(0);
    for (size_t k = a; k < end; k++) part += summand(load_n(x + k * inner, lanes), kind, origin);
    total += part;
  }
  return total;
}

INLINE vf reduce_column(const float *x, size_t axis, size_t inner, size_t lanes, zoo_reduce op) {
  vf zero = splat(0);
  switch (op) {
  case zoo_reduce_mean: return column_sum(x, axis, inner, lanes, SUM_PLAIN, zero) / (float)axis;
  case zoo_reduce_max: return column_extreme(x, axis, inner, lanes, 0);
  case zoo_reduce_min: return column_extreme(x, axis, inner, lanes, 1);
  case zoo_reduce_prod: {
    vf product = splat(1);
    for (size_t a = 0; a < axis; a++) product *= load_n(x + a * inner, lanes);
    return product;
  }
  case zoo_reduce_sum_square: return column_sum(x, axis, inner, lanes, SUM_SQUARED_FROM, zero);
  case zoo_reduce_l1: return column_sum(x, axis, inner, lanes, SUM_ABSOLUTE, zero);
  case zoo_reduce_l2:
    return __builtin_elementwise_sqrt(column_sum(x, axis, inner, lanes, SUM_SQUARED_FROM, zero));
  case zoo_reduce_log_sum: return vlog(column_sum(x, axis, inner, lanes, SUM_PLAIN, zero));
  case zoo_reduce_log_sum_exp: {
    vf origin = column_extreme(x, axis, inner, lanes, 0);
    origin = origin - origin == 0.0f ? origin : zero;
    return vlog(column_sum(x, axis, inner, lanes, SUM_EXP_FROM, origin)) + origin;
  }
  default: return column_sum(x, axis, inner, lanes, SUM_PLAIN, zero);
  }
}

// A row shorter than a vector leaves lanes empty and still pays for the sum across them: there lanes are rows.
INLINE void reduce_short_rows(const float *x, float *y, size_t rows, size_t axis, zoo_reduce op) {
  float columns[LANES][LANES];
  for (size_t first = 0; first < rows; first += LANES) {
    const size_t lanes = rows - first < LANES ? rows - first : LANES;
    for (size_t a = 0; a < axis; a++) {
      for (size_t l = 0; l < lanes; l++) columns[a][l] = x[(first + l) * axis + a];
    }
    store_n(y + first, reduce_column(columns[0], axis, LANES, lanes, op), lanes);
  }
}

INLINE void reduce_loop(const float *x, float *y, size_t outer, size_t axis, size_t inner, zoo_reduce op) {
  if (inner == 1 && axis > 0 && axis <= LANES) {
    reduce_short_rows(x, y, outer, axis, op);
    return;
  }
  if (inner == 1) {
    for (size_t o = 0; o < outer; o++) y[o] = reduce_row(x + o * axis, axis, op);
    return;
  }
  for (size_t o = 0; o < outer; o++, x += axis * inner, y += inner) {
    size_t i = 0;
    for (; i + LANES <= inner; i += LANES) store(y + i, reduce_column(x + i, axis, inner, LANES, op));
    if (i < inner) store_part(y + i, reduce_column(x + i, axis, inner, inner - i, op), inner - i);
  }
}

#define X(name)                                                                                       \
  static void reduce_##name(const float *x, float *y, size_t outer, size_t axis, size_t inner) {      \
    reduce_loop(x, y, outer, axis, inner, zoo_reduce_##name);                                         \
  }
ZOO_REDUCE_LIST(X)
#undef X

static const zoo_reduce_f32 reduce_loops[zoo_reduce_count] = {
#define X(name) reduce_##name,
    ZOO_REDUCE_LIST(X)
#undef X
};

INLINE int beats(float candidate, float best, int is_min, int last) {
  if (candidate != candidate) return best == best || last;
  if (best != best) return 0;
  if (candidate == best) return last;
  return is_min ? candidate < best : candidate > best;
}

INLINE int64_t row_arg(const float *x, size_t n, int is_min, int last) {
  float extreme = is_min ? row_min(x, n) : row_max(x, n);
  vf wanted = splat(extreme);
  for (size_t step = 0; step < n; step += LANES) {
    size_t start = last ? (n - 1 - step) / LANES * LANES : step;
    vf v = load_n(x + start, n - start);
    vi hit = extreme == extreme ? (v == wanted) : (v != v);
    if (!__builtin_reduce_or(hit)) continue;
    size_t end = n - start < LANES ? n : start + LANES;
    int64_t found = -1;
    for (size_t i = start; i < end && (found < 0 || last); i++) {
      if (hit[i - start]) found = (int64_t)i;
    }
    if (found >= 0) return found;
  }
  return 0;
}

static void arg_extreme(const float *x, int64_t *y, size_t outer, size_t axis, size_t inner, int is_min,
                        int last) {
  if (inner == 1) {
    for (size_t o = 0; o < outer; o++) y[o] = row_arg(x + o * axis, axis, is_min, last);
    return;
  }
  for (size_t o = 0; o < outer; o++, x += axis * inner, y += inner) {
    for (size_t i = 0; i < inner; i += LANES) {
      size_t lanes = inner - i < LANES ? inner - i : LANES;
      vf best = load_n(x + i, lanes);
      vi index = (vi)0;
      for (size_t a = 1; a < axis; a++) {
        vf v = load_n(x + a * inner + i, lanes);
        vi greater = is_min ? v < best : v > best;
        vi nan = (v != v) & (last ? (vi)-1 : (best == best));
        vi tie = last ? v == best : (vi)0;
        vi wins = ((greater | tie) & (best == best)) | nan;
        best = wins ? v : best;
        index = wins ? (vi)(int32_t)a : index;
      }
      for (size_t l = 0; l < lanes; l++) y[i + l] = index[l];
    }
  }
}

static void range_f32(const float *x, size_t n, float *least, float *greatest) {
  vf low = splat(__builtin_inff()), high = splat(-__builtin_inff());
  for (size_t i = 0; i < n; i += LANES) {
    vf v = load_n(x + i, n - i);
    vf below = keep(v, n - i, low), above = keep(v, n - i, high);
    low = below < low ? below : low;
    high = above > high ? above : high;
  }
  *least = horizontal_min(low);
  *greatest = horizontal_max(high);
}
