#pragma once

#include <stddef.h>
#include <stdint.h>

#include "zoo_cpu.h"

/// Distances in elements from one batch, head and row to the next.
typedef struct {
  ptrdiff_t batch, head, row;
} zoo_attention_stride;

/// Attention of `heads` query heads to `groups` heads of keys and values (`heads` is a multiple of `groups`):
///
///     s = softcap(scale · q · kᵀ) + mask,   y = softmax(s) · v
///
/// Rows of q, k, v and y are contiguous. Query t of a batch stands at position p = t + past, or
/// t + lengths[batch] - queries; it sees key j if j < lengths[batch], j ≤ p when `causal`, p - j ≤ left, j - p ≤ right.
typedef struct {
  const float *q, *k, *v;
  float *y;
  int64_t batch, heads, groups, queries, keys;
  int64_t size, value_size;  // 1 ... zoo_attention_max_size
  zoo_attention_stride q_stride, k_stride, v_stride, y_stride;
  float scale;
  float softcap;                     // 0: none
  const void *mask;                  // null, f32 to add, or bytes of which 0 hides a key
  int mask_is_bool;
  zoo_attention_stride mask_stride;  // 0 repeats
  ptrdiff_t mask_key_stride;         // 0 or 1
  int64_t mask_keys;                 // keys from here on are hidden
  const int64_t *lengths;            // null, or [batch]: keys that count
  int64_t past;
  int causal;
  int64_t left, right;               // negative: no limit
  int empty_is_zero;                 // a query that sees no key gives 0, not NaN
  int nan_is_zero;                   // so does one whose weights are NaN for whatever reason
} zoo_attention;

enum { zoo_attention_max_size = 4096 };

/// How many tasks an attention is cut into; the same for every number of threads.
int64_t zoo_attention_tasks(zoo_isa isa, const zoo_attention *attention);
