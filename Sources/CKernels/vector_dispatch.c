// Which vector kernels belong to which instruction set.
#include "vector/prelude.h"

static const zoo_vector_set *set_for(zoo_isa isa) {
  if (!zoo_isa_available(isa)) return &zoo_vector_set_portable;
  switch (isa) {
#if defined(__x86_64__)
  case ZOO_ISA_AVX512: return &zoo_vector_set_avx512;
  case ZOO_ISA_AVX2: return &zoo_vector_set_avx2;
#elif defined(__aarch64__)
  case ZOO_ISA_NEON: return &zoo_vector_set_neon;
#endif
  default: return &zoo_vector_set_portable;
  }
}

zoo_unary_f32 zoo_unary_f32_kernel(zoo_isa isa, zoo_unary op) { return set_for(isa)->unary[op]; }
zoo_reduce_f32 zoo_reduce_f32_kernel(zoo_isa isa, zoo_reduce op) { return set_for(isa)->reduce[op]; }
const zoo_vector_kernels *zoo_vector_kernels_for(zoo_isa isa) { return &set_for(isa)->rows; }

zoo_binary_kernel zoo_binary_portable(zoo_binary op, zoo_scalar type);

zoo_binary_kernel zoo_binary_kernel_for(zoo_isa isa, zoo_binary op, zoo_scalar type) {
  zoo_binary_kernel vector = type == zoo_f32 ? set_for(isa)->binary(op) : 0;
  return vector ? vector : zoo_binary_portable(op, type);
}

void zoo_add_relu_f32(zoo_isa isa, const float *x, const float *s, float *y, size_t n) {
  set_for(isa)->add_relu(x, s, y, n);
}
void zoo_mul_add_f32(zoo_isa isa, const float *x, const float *m, const float *s, float *y, size_t n) {
  set_for(isa)->mul_add(x, m, s, y, n);
}

static const char *const unary_names[] = {
#define X(name) #name,
    ZOO_UNARY_LIST(X)
#undef X
};
static const char *const binary_names[] = {
#define X(name) #name,
    ZOO_BINARY_LIST(X)
#undef X
};
static const char *const reduce_names[] = {
#define X(name) #name,
    ZOO_REDUCE_LIST(X)
#undef X
};

const char *zoo_unary_name(zoo_unary op) { return unary_names[op]; }
const char *zoo_binary_name(zoo_binary op) { return binary_names[op]; }
const char *zoo_reduce_name(zoo_reduce op) { return reduce_names[op]; }

int64_t zoo_attention_tasks(zoo_isa isa, const zoo_attention *p) {
  if (p->groups <= 0) return 0;
  const int64_t rows = p->heads / p->groups * p->queries, lanes = set_for(isa)->rows.attention_lanes;
  return p->batch * p->groups * ((rows + lanes - 1) / lanes);
}

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

// The line holds the padded row and the last window; a vector of every second value may reach 32 values further.
size_t zoo_pool_2d_scratch(const zoo_pool_2d *p) {
  size_t columns = p->out_w ? p->out_w - 1 : 0;
  size_t reach = columns * p->stride_w + (p->kernel_w - 1) * p->dilation_w + 1;
  return larger(p->pad_left + p->in_w, reach) + 16 * larger(p->stride_w, 2) + 16 + p->out_w;
}
