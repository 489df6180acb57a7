// Attention that never writes its matrix of scores to memory. Queries lie along the lanes of vectors, so that neither
// keys nor values are rearranged, softmax needs no sum across lanes, and query heads that share their keys fill lanes
// together. Keys are taken in blocks; sums of earlier blocks are scaled when a greater score comes.
// Source: Milakov and Gimelshein, "Online normalizer calculation for softmax", 2018; Dao et al., "FlashAttention", 2022.
#pragma once

enum {
  ATTENTION_KEYS = 128,          // a block's scores stay in the L1 cache
  ATTENTION_LANES = 2 * LANES,   // queries of one task
  ATTENTION_FEW = LANES >= 8 ? LANES / 4 : 1,  // up to so many queries lanes would stay empty: dot products are faster
};

/// What one task needs to know of its queries.
typedef struct {
  const zoo_attention *p;
  int64_t batch, group;
  int count, vectors;
  const float *q[ATTENTION_LANES];
  float *y[ATTENTION_LANES];
  const char *mask[ATTENTION_LANES];
  int32_t low[ATTENTION_LANES], high[ATTENTION_LANES];  // visible keys: low ..< high
  int64_t first, last;                                  // keys that any query sees
  int shares_mask;                                      // all queries have the same
} attention_task;

INLINE int64_t attention_rows(const zoo_attention *p) { return p->heads / p->groups * p->queries; }

INLINE int32_t attention_bound(int64_t key, int64_t keys) {
  return (int32_t)(key < 0 ? 0 : key > keys ? keys : key);
}

static void attention_prepare(attention_task *task, const zoo_attention *p, int64_t index) {
  const int64_t rows = attention_rows(p), blocks = (rows + ATTENTION_LANES - 1) / ATTENTION_LANES;
  const int64_t start = index % blocks * ATTENTION_LANES;
  *task = (attention_task){.p = p, .batch = index / blocks / p->groups, .group = index / blocks % p->groups};
  task->count = (int)(rows - start < ATTENTION_LANES ? rows - start : ATTENTION_LANES);
  task->vectors = task->count > LANES ? 2 : 1;
  task->first = p->keys;
  task->shares_mask = 1;
  const int64_t length = p->lengths ? p->lengths[task->batch] : p->keys;
  int64_t limit = length < p->keys ? length : p->keys;
  if (p->mask && p->mask_keys < limit) limit = p->mask_keys;
  for (int i = 0; i < ATTENTION_LANES; i++) {
    const int64_t row = start + (i < task->count ? i : 0);
    const int64_t head = task->group * (p->heads / p->groups) + row / p->queries, t = row % p->queries;
    const int64_t position = t + (p->lengths ? length - p->queries : p->past);
    int64_t high = limit, low = p->left >= 0 ? position - p->left : 0;
    if (p->causal && position + 1 < high) high = position + 1;
    if (p->right >= 0 && position + p->right + 1 < high) high = position + p->right + 1;
    task->q[i] = p->q + task->batch * p->q_stride.batch + head * p->q_stride.head + t * p->q_stride.row;
    task->y[i] = p->y + task->batch * p->y_stride.batch + head * p->y_stride.head + t * p->y_stride.row;
    task->low[i] = attention_bound(low, p->keys);
    task->high[i] = attention_bound(high, p->keys);
    if (p->mask) {
      const ptrdiff_t offset =
          task->batch * p->mask_stride.batch + head * p->mask_stride.head + t * p->mask_stride.row;
      task->mask[i] = (const char *)p->mask + offset * (p->mask_is_bool ? 1 : (ptrdiff_t)sizeof(float));
      if (task->mask[i] != task->mask[0]) task->shares_mask = 0;
    }
    if (i >= task->count || task->low[i] >= task->high[i]) continue;
    if (task->low[i] < task->first) task->first = task->low[i];
    if (task->high[i] > task->last) task->last = task->high[i];
  }
}

INLINE float attention_mask_at(const attention_task *task, int lane, int64_t key) {
  const ptrdiff_t at = key * task->p->mask_key_stride;
  if (task->p->mask_is_bool) return task->mask[lane][at] ? 0.0f : -__builtin_inff();
  float value;
  memcpy(&value, task->mask[lane] + at * (ptrdiff_t)sizeof(float), sizeof value);
  return value;
}

// MARK: Queries along the lanes

typedef float attention_four __attribute__((ext_vector_type(4)));
typedef float attention_four_unaligned __attribute__((ext_vector_type(4), aligned(4), may_alias));

/// to[j][i] = from[i][j] for four times four elements.
INLINE void attention_transpose(const float *const *from, float *const *to) {
  attention_four row[4], half[4];
#pragma unroll
  for (int i = 0; i < 4; i++) row[i] = *(const attention_four_unaligned *)from[i];
#pragma unroll
  for (int i = 0; i < 2; i++) {
    half[i] = __builtin_shufflevector(row[2 * i], row[2 * i + 1], 0, 4, 1, 5);
    half[i + 2] = __builtin_shufflevector(row[2 * i], row[2 * i + 1], 2, 6, 3, 7);
  }
#pragma unroll
  for (int i = 0; i < 2; i++) {
    *(attention_four_unaligned *)to[2 * i] = __builtin_shufflevector(half[2 * i], half[2 * i + 1], 0, 1, 4, 5);
    *(attention_four_unaligned *)to[2 * i + 1] = __builtin_shufflevector(half[2 * i], half[2 * i + 1], 2, 3, 6, 7);
  }
}

/// to[column][lanes] = the queries' columns.
INLINE void attention_gather(const attention_task *task, const int vectors, int64_t count, float *to) {
  const int width = vectors * LANES;
  for (int lane = 0; lane < width; lane += 4) {
    const float *const *q = task->q + lane;
    int64_t i = 0;
    for (; i + 4 <= count; i += 4) {
      const float *from[4] = {q[0] + i, q[1] + i, q[2] + i, q[3] + i};
      float *at = to + i * width + lane;
      float *rows[4] = {at, at + width, at + 2 * width, at + 3 * width};
      attention_transpose(from, rows);
    }
    for (; i < count; i++) {
      for (int j = 0; j < 4; j++) to[i * width + lane + j] = q[j][i];
    }
  }
}

/// The other way round, into the rows of the result.
INLINE void attention_scatter(const attention_task *task, const int vectors, int64_t count, const float *from) {
  const int width = vectors * LANES;
  for (int lane = 0; lane < task->count; lane += 4) {
    float *const *y = task->y + lane;
    const int some = task->count - lane < 4 ? task->count - lane : 4;
    int64_t i = 0;
    for (; some == 4 && i + 4 <= count; i += 4) {
      const float *at = from + i * width + lane;
      const float *rows[4] = {at, at + width, at + 2 * width, at + 3 * width};
      float *to[4] = {y[0] + i, y[1] + i, y[2] + i, y[3] + i};
      attention_transpose(rows, to);
    }
    for (; i < count; i++) {
      for (int j = 0; j < some; j++) y[j][i] = from[i * width + lane + j];
    }
  }
}

/// s[i][lanes] = scale · k[i] · q for `rows` keys.
INLINE void attention_scores(const int rows, const int vectors, int64_t size, const float *q, const float *k,
                             ptrdiff_t stride, vf scale, float *s) {
  vf sum[12][2];
#pragma unroll
  for (int i = 0; i < rows; i++) {
#pragma unroll
    for (int j = 0; j < vectors; j++) sum[i][j] = splat(0);
  }
  for (int64_t d = 0; d < size; d++, q += vectors * LANES) {
#pragma unroll
    for (int i = 0; i < rows; i++) {
      const vf key = splat(k[i * stride + d]);
#pragma unroll
      for (int j = 0; j < vectors; j++) sum[i][j] = madd(key, load(q + j * LANES), sum[i][j]);
    }
  }
#pragma unroll
  for (int i = 0; i < rows; i++) {
#pragma unroll
    for (int j = 0; j < vectors; j++) store(s + (i * vectors + j) * LANES, sum[i][j] * scale);
  }
}

/// o[i][lanes] = o[i] · decay + Σ v[key][i] · s[key] for `rows` columns i of the values.
INLINE void attention_values(const int rows, const int vectors, int64_t keys, const float *s, const float *v,
                             ptrdiff_t stride, const vf *decay, float *o) {
  vf sum[12][2];
#pragma unroll
  for (int i = 0; i < rows; i++) {
#pragma unroll
    for (int j = 0; j < vectors; j++) sum[i][j] = load(o + (i * vectors + j) * LANES) * decay[j];
  }
  for (int64_t key = 0; key < keys; key++, s += vectors * LANES, v += stride) {
#pragma unroll
    for (int i = 0; i < rows; i++) {
      const vf value = splat(v[i]);
#pragma unroll
      for (int j = 0; j < vectors; j++) sum[i][j] = madd(value, load(s + j * LANES), sum[i][j]);
    }
  }
#pragma unroll
  for (int i = 0; i < rows; i++) {
#pragma unroll
    for (int j = 0; j < vectors; j++) store(o + (i * vectors + j) * LANES, sum[i][j]);
  }
}

INLINE void attention_cap(float *s, int64_t count, float cap) {
  for (int64_t i = 0; i < count; i += LANES) store(s + i, cap * vtanh(load(s + i) / cap));
}

/// Whether all queries have the same mask for these keys: masks that hide padding are often written out for each.
INLINE int attention_masks_agree(const attention_task *task, int64_t first, int64_t keys) {
  if (task->shares_mask) return 1;
  const zoo_attention *p = task->p;
  const ptrdiff_t size = p->mask_is_bool ? 1 : (ptrdiff_t)sizeof(float), step = p->mask_key_stride * size;
  const size_t bytes = step == 0 ? (size_t)size : (size_t)(keys * step);
  for (int lane = 1; lane < task->count; lane++) {
    if (memcmp(task->mask[lane] + first * step, task->mask[0] + first * step, bytes) != 0) return 0;
  }
  return 1;
}

INLINE void attention_add_mask(const attention_task *task, const int vectors, int64_t first, int64_t keys, float *s) {
  if (!attention_masks_agree(task, first, keys)) {
    for (int lane = 0; lane < task->count; lane++) {
      for (int64_t key = 0; key < keys; key++) {
        s[key * vectors * LANES + lane] += attention_mask_at(task, lane, first + key);
      }
    }
    return;
  }
  for (int64_t key = 0; key < keys; key++) {
    const vf mask = splat(attention_mask_at(task, 0, first + key));
    for (int j = 0; j < vectors; j++, s += LANES) store(s, load(s) + mask);
  }
}

INLINE void attention_hide(const attention_task *task, const int vectors, int64_t first, int64_t keys, float *s) {
  for (int j = 0; j < vectors; j++) {
    vi low, high;
    memcpy(&low, task->low + j * LANES, sizeof low);
    memcpy(&high, task->high + j * LANES, sizeof high);
    for (int64_t key = 0; key < keys; key++) {
      float *at = s + (key * vectors + j) * LANES;
      const int32_t place = (int32_t)(first + key);
      store(at, ((low <= place) & (high > place)) ? load(at) : splat(-__builtin_inff()));
    }
  }
}

INLINE int attention_sees_all(const attention_task *task, int64_t first, int64_t keys) {
  for (int i = 0; i < task->count; i++) {
    if (task->low[i] > first || task->high[i] < first + keys) return 0;
  }
  return 1;
}

/// Soft cap, mask and hidden keys of one block.
INLINE void attention_limit(const attention_task *task, const int vectors, int64_t first, int64_t keys, float *s) {
  const zoo_attention *p = task->p;
  if (p->softcap > 0) attention_cap(s, keys * vectors * LANES, p->softcap);
  if (p->mask) attention_add_mask(task, vectors, first, keys, s);
  if (!attention_sees_all(task, first, keys)) attention_hide(task, vectors, first, keys, s);
}

/// Turns scores into e^(s - greatest), adds them to `total`, and says what earlier sums are to be multiplied by.
INLINE void attention_weigh(const int vectors, int64_t keys, float *s, vf *greatest, vf *total, vf *decay) {
  for (int j = 0; j < vectors; j++) {
    vf top = greatest[j];
    // A score that is no number is left out here: its own power makes the sum none either.
    for (int64_t key = 0; key < keys; key++) {
      const vf score = load(s + (key * vectors + j) * LANES);
      top = score > top ? score : top;
    }
    const vf origin = top == -__builtin_inff() ? splat(0) : top;
    vf even = splat(0), odd = splat(0);
    int64_t key = 0;
    for (; key + 2 <= keys; key += 2) {
      float *at = s + (key * vectors + j) * LANES, *next = at + vectors * LANES;
      const vf a = vexp(load(at) - origin), b = vexp(load(next) - origin);
      store(at, a);
      store(next, b);
      even += a;
      odd += b;
    }
    if (key < keys) {
      float *at = s + (key * vectors + j) * LANES;
      const vf a = vexp(load(at) - origin);
      store(at, a);
      even += a;
    }
    decay[j] = vexp(greatest[j] - origin);
    total[j] = madd(total[j], decay[j], even + odd);
    greatest[j] = top;
  }
}

INLINE void attention_scores_all(const int vectors, int64_t keys, int64_t size, const float *q, const float *k,
                                 ptrdiff_t stride, vf scale, float *s) {
  const int rows = LANES == 16 ? (vectors == 2 ? 8 : 12) : vectors == 2 ? 4 : 8;
  int64_t key = 0;
  for (; key + rows <= keys; key += rows) {
    attention_scores(rows, vectors, size, q, k + key * stride, stride, scale, s + key * vectors * LANES);
  }
  for (; key + 4 <= keys; key += 4) {
    attention_scores(4, vectors, size, q, k + key * stride, stride, scale, s + key * vectors * LANES);
  }
  for (; key < keys; key++) {
    attention_scores(1, vectors, size, q, k + key * stride, stride, scale, s + key * vectors * LANES);
  }
}

INLINE void attention_values_all(const int vectors, int64_t keys, int64_t size, const float *s, const float *v,
                                 ptrdiff_t stride, const vf *decay, float *o) {
  const int rows = LANES == 16 || vectors == 1 ? 8 : 4;
  int64_t i = 0;
  for (; i + rows <= size; i += rows) {
    attention_values(rows, vectors, keys, s, v + i, stride, decay, o + i * vectors * LANES);
  }
  for (; i < size; i++) {
    attention_values(1, vectors, keys, s, v + i, stride, decay, o + i * vectors * LANES);
  }
}

/// A block's rows side by side: far apart they would compete for the same few lines of the cache.
INLINE const float *attention_rows_together(const float *from, ptrdiff_t stride, int64_t rows, int64_t size,
                                            float *to) {
  if (stride == size) return from;
  for (int64_t row = 0; row < rows; row++) {
    memcpy(to + row * size, from + row * stride, (size_t)size * sizeof(float));
  }
  return to;
}

/// What turns sums into means. A query that saw no key has a sum of 0, and 0 · ∞ is NaN.
INLINE vf attention_factor(const zoo_attention *p, vf total) {
  const vf factor = 1.0f / total;
  const vf empty = p->empty_is_zero ? splat(0) : factor;
  return total == 0.0f ? empty : factor;
}

/// A sum as a mean. Where weights are NaN, their sum and so `factor` are; where there are none, it is ∞.
INLINE vf attention_mean(const zoo_attention *p, vf sum, vf factor) {
  const vf mean = sum * factor;
  return p->nan_is_zero ? (factor < __builtin_inff() ? mean : splat(0)) : mean;
}

INLINE void attention_lanes(const attention_task *task, const int vectors) {
  const zoo_attention *p = task->p;
  const int width = vectors * LANES;
  const int64_t sizes = p->size + p->value_size;
  float *q = zoo_thread_scratch(
      (size_t)(sizes * width + ATTENTION_KEYS * (width + sizes)) * sizeof(float));
  float *o = q + p->size * width, *s = o + p->value_size * width;
  float *some_k = s + ATTENTION_KEYS * width, *some_v = some_k + ATTENTION_KEYS * p->size;
  vf greatest[2] = {splat(-__builtin_inff()), splat(-__builtin_inff())}, total[2] = {splat(0), splat(0)}, decay[2];
  attention_gather(task, vectors, p->size, q);
  memset(o, 0, (size_t)(p->value_size * width) * sizeof(float));
  const float *k = p->k + task->batch * p->k_stride.batch + task->group * p->k_stride.head;
  const float *v = p->v + task->batch * p->v_stride.batch + task->group * p->v_stride.head;
  for (int64_t first = task->first; first < task->last; first += ATTENTION_KEYS) {
    const int64_t keys = task->last - first < ATTENTION_KEYS ? task->last - first : ATTENTION_KEYS;
    const float *rows = attention_rows_together(
        k + first * p->k_stride.row, p->k_stride.row, keys, p->size, some_k);
    attention_scores_all(vectors, keys, p->size, q, rows, p->size, splat(p->scale), s);
    attention_limit(task, vectors, first, keys, s);
    attention_weigh(vectors, keys, s, greatest, total, decay);
    rows = attention_rows_together(
        v + first * p->v_stride.row, p->v_stride.row, keys, p->value_size, some_v);
    attention_values_all(vectors, keys, p->value_size, s, rows, p->value_size, decay, o);
  }
  for (int j = 0; j < vectors; j++) {
    const vf factor = attention_factor(p, total[j]);
    for (int64_t i = 0; i < p->value_size; i++) {
      float *at = o + (i * vectors + j) * LANES;
      store(at, attention_mean(p, load(at), factor));
    }
  }
  attention_scatter(task, vectors, p->value_size, o);
}

// MARK: Few queries

INLINE float attention_dot(const float *a, const float *b, int64_t n) {
  vf s0 = splat(0), s1 = s0;
  int64_t i = 0;
  for (; i + 2 * LANES <= n; i += 2 * LANES) {
    s0 = madd(load(a + i), load(b + i), s0);
    s1 = madd(load(a + i + LANES), load(b + i + LANES), s1);
  }
  for (; i < n; i += LANES) s0 = madd(load_n(a + i, (size_t)(n - i)), load_n(b + i, (size_t)(n - i)), s0);
  return horizontal_sum(s0 + s1);
}

/// One block of keys for one query.
INLINE void attention_row_block(const attention_task *task, int lane, const float *k, const float *v, int64_t first,
                                int64_t keys, float *greatest, float *total) {
  const zoo_attention *p = task->p;
  float s[ATTENTION_KEYS + LANES];
  const float hidden = -__builtin_inff();
  for (int64_t key = 0; key < keys; key++) {
    const int64_t place = first + key;
    s[key] = hidden;
    if (place < task->low[lane] || place >= task->high[lane]) continue;
    s[key] = p->scale * attention_dot(task->q[lane], k + place * p->k_stride.row, p->size);
  }
  for (int64_t i = keys; i < keys + LANES; i++) s[i] = hidden;
  for (int64_t i = 0; p->softcap > 0 && i < keys; i += LANES) {
    const vf x = load(s + i);
    store(s + i, x == hidden ? x : p->softcap * vtanh(x / p->softcap));
  }
  for (int64_t i = 0; p->mask && i < keys; i++) {
    if (s[i] != hidden) s[i] += attention_mask_at(task, lane, first + i);
  }
  vf top = splat(*greatest);
  for (int64_t i = 0; i < keys; i += LANES) top = vmax(top, load(s + i));
  const float greater = horizontal_max(top), origin = greater == hidden ? 0.0f : greater;
  vf sum = splat(0);
  for (int64_t i = 0; i < keys; i += LANES) {
    const vf e = vexp(load(s + i) - origin);
    store(s + i, e);
    sum += e;
  }
  const float decay = vexp(splat(*greatest - origin))[0];
  *total = *total * decay + horizontal_sum(sum);
  *greatest = greater;
  float *y = task->y[lane];
  for (int64_t i = 0; i < p->value_size; i += LANES) {
    const size_t n = (size_t)(p->value_size - i);
    // Before the first block y holds whatever was there, NaN included.
    vf even = first == task->first ? splat(0) : load_n(y + i, n) * decay, odd = splat(0);
    int64_t key = 0;
    for (; key + 2 <= keys; key += 2) {
      const float *row = v + (first + key) * p->v_stride.row + i;
      even = madd(splat(s[key]), load_n(row, n), even);
      odd = madd(splat(s[key + 1]), load_n(row + p->v_stride.row, n), odd);
    }
    if (key < keys) even = madd(splat(s[key]), load_n(v + (first + key) * p->v_stride.row + i, n), even);
    store_n(y + i, even + odd, n);
  }
}

static void attention_few(const attention_task *task) {
  const zoo_attention *p = task->p;
  const float *k = p->k + task->batch * p->k_stride.batch + task->group * p->k_stride.head;
  const float *v = p->v + task->batch * p->v_stride.batch + task->group * p->v_stride.head;
  float greatest[ATTENTION_FEW], total[ATTENTION_FEW];
  for (int lane = 0; lane < task->count; lane++) {
    greatest[lane] = -__builtin_inff();
    total[lane] = 0;
    if (task->first >= task->last) memset(task->y[lane], 0, (size_t)p->value_size * sizeof(float));
  }
  for (int64_t first = task->first; first < task->last; first += ATTENTION_KEYS) {
    const int64_t keys = task->last - first < ATTENTION_KEYS ? task->last - first : ATTENTION_KEYS;
    for (int lane = 0; lane < task->count; lane++) {
      attention_row_block(task, lane, k, v, first, keys, &greatest[lane], &total[lane]);
    }
  }
  for (int lane = 0; lane < task->count; lane++) {
    const vf factor = attention_factor(p, splat(total[lane]));
    float *y = task->y[lane];
    for (int64_t i = 0; i < p->value_size; i += LANES) {
      const size_t n = (size_t)(p->value_size - i);
      store_n(y + i, attention_mean(p, load_n(y + i, n), factor), n);
    }
  }
}

// MARK: All tasks

static void attention(const zoo_attention *p, int64_t begin, int64_t end) {
  for (int64_t index = begin; index < end; index++) {
    attention_task task;
    attention_prepare(&task, p, index);
    if (attention_rows(p) <= ATTENTION_FEW) {
      attention_few(&task);
    } else if (task.vectors == 1) {
      attention_lanes(&task, 1);
    } else {
      attention_lanes(&task, 2);
    }
  }
}
