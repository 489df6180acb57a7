// The rate at which kernels that compute little move memory, over that of a copy of the same size: operands are larger
// than the caches, and bytes are those that a kernel must read and write. Times are processor times of this thread;
// copy and kernel alternate, and a share is the median over the turns, for other load takes bandwidth from both.
//
// Usage: Benchmarks/micro/memory_kernels.sh [avx512|avx2|portable]
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "zoo_blocked.h"
#include "zoo_gemm.h"
#include "zoo_math.h"
#include "zoo_vector.h"

enum { TURNS = 21, CHANNELS = 64, EXTENT = 512, COLUMNS = 1024, ROWS = 16384, PRODUCT = 4096 };
enum { COUNT = ROWS * COLUMNS };  // 64 MB an operand

static double milliseconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static float *floats(size_t count) {
  float *p = NULL;
  if (posix_memalign((void **)&p, 64, count * sizeof(float))) exit(1);
  for (size_t i = 0; i < count; i++) p[i] = (float)(i % 17) / 17 - 0.4f;
  return p;
}

typedef struct {
  zoo_isa isa;
  float *a, *b, *y, *scale, *shift;
  void *packed_filter, *packed_matrix;
  zoo_conv_shape depthwise;
} operands;

// MARK: Kernels

static void relu(const operands *o) {
  zoo_unary_f32_kernel(o->isa, zoo_unary_relu)(o->a, o->y, COUNT, 0, 0);
}

static void sigmoid(const operands *o) {
  zoo_unary_f32_kernel(o->isa, zoo_unary_sigmoid)(o->a, o->y, COUNT, 0, 0);
}

static void gelu(const operands *o) {
  zoo_unary_f32_kernel(o->isa, zoo_unary_gelu)(o->a, o->y, COUNT, 0, 0);
}

static void add(const operands *o) {
  zoo_binary_kernel_for(o->isa, zoo_binary_add, zoo_f32)(o->a, 1, o->b, 1, o->y, COUNT);
}

static void softmax(const operands *o) {
  const zoo_softmax_rows rows = {.x = o->a, .y = o->y, .rows = ROWS, .columns = COLUMNS, .scale = 1};
  zoo_vector_kernels_for(o->isa)->softmax_rows(&rows);
}

static void layer_norm(const operands *o) {
  const zoo_row_norm norm = {
      .x = o->a, .scale = o->scale, .shift = o->shift, .y = o->y, .rows = ROWS, .columns = COLUMNS,
      .epsilon = 1e-5f};
  zoo_vector_kernels_for(o->isa)->row_norm(&norm);
}

static void depthwise(const operands *o) {
  const zoo_blocked_epilogue epilogue = {0};
  zoo_blocked_conv_run(
      o->isa, &o->depthwise, ZOO_BLOCKED_DEPTHWISE, o->a, o->packed_filter, o->y, &epilogue, 1);
}

static void product_of_one_row(const operands *o) {
  zoo_gemm_f32_run(
      o->isa, 1, PRODUCT, PRODUCT, o->a, PRODUCT, 0, o->packed_matrix, o->y, PRODUCT, NULL, 1);
}

// MARK: Measurement

static int ascending(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(double *values) {
  qsort(values, TURNS, sizeof *values, ascending);
  return values[TURNS / 2];
}

static void measure(
    const char *name, void (*kernel)(const operands *), const operands *o, size_t read, size_t written) {
  const double bytes = (double)(read + written) * sizeof(float);
  const double copied = 2.0 * COUNT * sizeof(float);
  double rates[TURNS], shares[TURNS];
  for (int turn = 0; turn < TURNS; turn++) {
    double start = milliseconds();
    memcpy(o->y, o->b, COUNT * sizeof(float));
    const double copy = copied / (milliseconds() - start);
    start = milliseconds();
    kernel(o);
    rates[turn] = bytes / (milliseconds() - start);
    shares[turn] = rates[turn] / copy;
  }
  printf("%-36s %6.1f GB/s %6.1f %% of a copy\n", name, median(rates) / 1e6, 100 * median(shares));
}

static operands prepare(zoo_isa isa) {
  operands o = {.isa = isa, .a = floats(COUNT), .b = floats(COUNT), .y = floats(COUNT)};
  o.scale = floats(COLUMNS), o.shift = floats(COLUMNS);
  o.depthwise = (zoo_conv_shape){
      .batch = 1, .groups = CHANNELS, .in_channels = CHANNELS, .out_channels = CHANNELS,
      .input = {1, EXTENT, EXTENT}, .kernel = {1, 3, 3}, .output = {1, EXTENT, EXTENT},
      .stride = {1, 1, 1}, .dilation = {1, 1, 1}, .pad = {0, 1, 1}};
  o.packed_filter =
      floats(zoo_blocked_conv_packed_bytes(isa, &o.depthwise, ZOO_BLOCKED_DEPTHWISE) / sizeof(float));
  zoo_blocked_conv_pack(isa, &o.depthwise, ZOO_BLOCKED_DEPTHWISE, o.b, NULL, NULL, o.packed_filter);
  o.packed_matrix = floats(zoo_gemm_f32_packed_bytes(isa, PRODUCT, PRODUCT) / sizeof(float));
  zoo_gemm_f32_pack(isa, PRODUCT, PRODUCT, o.b, PRODUCT, 0, 1, o.packed_matrix);
  return o;
}

int main(int count, char **arguments) {
  zoo_isa isa = zoo_cpu_isa();
  for (int i = ZOO_ISA_PORTABLE; count > 1 && i <= ZOO_ISA_AVX512; i++) {
    if (strcmp(arguments[1], zoo_isa_name((zoo_isa)i)) == 0) isa = (zoo_isa)i;
  }
  if (!zoo_isa_available(isa)) {
    fprintf(stderr, "this CPU has no %s\n", zoo_isa_name(isa));
    return 1;
  }
  const operands o = prepare(isa);
  const size_t image = (size_t)CHANNELS * EXTENT * EXTENT, matrix = (size_t)PRODUCT * PRODUCT;
  printf("%s, operands of %zu MB\n", zoo_isa_name(isa), COUNT * sizeof(float) >> 20);
  measure("Relu", relu, &o, COUNT, COUNT);
  measure("Sigmoid", sigmoid, &o, COUNT, COUNT);
  measure("Gelu", gelu, &o, COUNT, COUNT);
  measure("Add", add, &o, 2 * (size_t)COUNT, COUNT);
  measure("Softmax of rows of 1024", softmax, &o, COUNT, COUNT);
  measure("LayerNormalization of rows of 1024", layer_norm, &o, COUNT, COUNT);
  measure("depthwise 3 x 3, 64 x 512 x 512", depthwise, &o, image, image);
  measure("product 1 x 4096 x 4096", product_of_one_row, &o, matrix, PRODUCT);
  return 0;
}
