// Attention in its forms.
#include "compare.h"

static void compare_one(int form, int64_t queries, int64_t keys, int64_t size, int64_t value_size) {
  const int64_t batch = 2, groups = 2, heads = form & 1 ? 4 : 2;
  const int64_t results = batch * heads * queries * value_size;
  float *out[2] = {room(results * 4), room(results * 4)};
  int64_t lengths[] = {keys, (keys + 1) / 2};
  uint8_t *hidden = bytes(queries * keys);
  for (int64_t i = 0; i < queries * keys; i++) hidden[i] &= 1;
  zoo_attention p = {
      .q = numbers(batch * heads * queries * size, -1, 1), .k = numbers(batch * groups * keys * size, -1, 1),
      .v = numbers(batch * groups * keys * value_size, -1, 1), .batch = batch, .heads = heads, .groups = groups,
      .queries = queries, .keys = keys, .size = size, .value_size = value_size,
      .q_stride = {heads * queries * size, queries * size, size},
      .k_stride = {groups * keys * size, keys * size, size},
      .v_stride = {groups * keys * value_size, keys * value_size, value_size},
      .y_stride = {heads * queries * value_size, queries * value_size, value_size}, .scale = 0.8f,
      .softcap = form & 2 ? 3.0f : 0, .left = -1, .right = -1, .empty_is_zero = 1, .mask_keys = keys};
  if (form & 4) p.causal = 1, p.past = keys - queries > 0 ? keys - queries : 0;
  if (form & 8) p.mask = numbers(queries * keys, -2, 0), p.mask_stride.row = keys, p.mask_key_stride = 1;
  if (form & 16) {
    p.mask = hidden, p.mask_is_bool = 1, p.mask_stride.row = keys, p.mask_key_stride = 1;
  }
  if (form & 32) p.lengths = lengths, p.past = 0;
  if (form & 64) p.left = 3, p.right = 2;
  compare("attention, form %d, %lld queries, %lld keys, %lld and %lld wide", form, (long long)queries,
          (long long)keys, (long long)size, (long long)value_size);
  for (int k = 0; k < 2; k++) {
    const zoo_isa isa = k ? PORTABLE : NEON;
    p.y = out[k];
    zoo_vector_kernels_for(isa)->attention(&p, 0, zoo_attention_tasks(isa, &p));
  }
  close_to(out[0], out[1], results, 1e-5f, 1);
}

void compare_attention(void) {
  static const int64_t sizes[][4] = {{1, 1, 1, 1}, {3, 5, 8, 8}, {17, 40, 32, 32}, {5, 130, 13, 19}, {1, 67, 64, 5}};
  for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    for (int form = 0; form < 128; form++) {
      if (i > 1 && form % 7 && form & (form - 1)) continue;
      compare_one(form, sizes[i][0], sizes[i][1], sizes[i][2], sizes[i][3]);
    }
  }
}
