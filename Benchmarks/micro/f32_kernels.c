// The rate of the f32 matrix and convolution kernels over the core's own: a loop of independent multiply-adds in
// registers. Times are processor times of this thread, the least of many runs, so that other load matters little.
//
// Usage: Benchmarks/micro/f32_kernels.sh [avx512|avx2|portable]
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "zoo_blocked.h"
#include "zoo_gemm.h"

enum { RUNS = 25 };

static double milliseconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static float *floats(size_t count) {
  float *p = NULL;
  if (posix_memalign((void **)&p, 64, count * sizeof(float) + 256)) exit(1);
  for (size_t i = 0; i < count + 64; i++) p[i] = (float)(i % 17) / 17 - 0.4f;
  return p;
}

// MARK: Peak

// The compiler must not know the operands: it would compute a sum that they leave as it is beforehand.
#define PEAK(NAME, TARGET, LANES) \
  __attribute__((target(TARGET), noinline)) static double NAME(long rounds) { \
    enum { SUMS = 12 }; \
    typedef float vf __attribute__((ext_vector_type(LANES))); \
    vf sum[SUMS], a = 0.999f, b = 0.001f; \
    for (int i = 0; i < SUMS; i++) sum[i] = (float)i; \
    const double start = milliseconds(); \
    for (long round = 0; round < rounds; round++) { \
      __asm__ volatile("" : "+v"(a), "+v"(b)); \
      _Pragma("clang loop unroll(full)") for (int i = 0; i < SUMS; i++) { \
        sum[i] = __builtin_elementwise_fma(a, b, sum[i]); \
      } \
    } \
    for (int i = 0; i < SUMS; i++) __asm__ volatile("" : : "v"(sum[i])); \
    return (double)rounds * SUMS * LANES * 2 / (milliseconds() - start) / 1e6; \
  }

#if defined(__x86_64__)
PEAK(peak_avx512, "avx512f", 16)
PEAK(peak_avx2, "avx2,fma", 8)
#endif

static double peak_of(zoo_isa isa) {
  double best = 0;
  for (int run = 0; run < 10; run++) {
    double rate = 0;
#if defined(__x86_64__)
    if (isa == ZOO_ISA_AVX512) rate = peak_avx512(1 << 20);
    if (isa == ZOO_ISA_AVX2) rate = peak_avx2(1 << 20);
#endif
    if (rate > best) best = rate;
  }
  return best;
}

// MARK: Kernels

static void report(const char *what, double steps, double least, double peak) {
  const double rate = 2 * steps / least / 1e6;
  printf("%-44s %9.3f ms %8.1f GFLOP/s", what, least, rate);
  if (peak > 0) printf(" %6.1f %%", 100 * rate / peak);
  printf("\n");
}

static void measure_product(zoo_isa isa, double peak, int64_t m, int64_t n, int64_t k) {
  float *a = floats((size_t)(m * k)), *b = floats((size_t)(k * n)), *c = floats((size_t)(m * n));
  void *packed = floats(zoo_gemm_f32_packed_bytes(isa, k, n) / sizeof(float));
  zoo_gemm_f32_pack(isa, k, n, b, n, 0, 1, packed);
  double least = 1e9;
  for (int run = 0; run < RUNS; run++) {
    const double start = milliseconds();
    zoo_gemm_f32_run(isa, m, n, k, a, k, 0, packed, c, n, NULL, 1);
    const double spent = milliseconds() - start;
    if (spent < least) least = spent;
  }
  char what[64];
  snprintf(what, sizeof what, "product %lld x %lld x %lld", (long long)m, (long long)n, (long long)k);
  report(what, (double)m * (double)n * (double)k, least, peak);
  free(a), free(b), free(c), free(packed);
}

typedef struct {
  int channels, outputs, extent, kernel, stride, groups;
} sample;

static void measure_convolution(zoo_isa isa, double peak, sample c, zoo_blocked_form form) {
  const int pad = c.kernel / 2, out = (c.extent + 2 * pad - c.kernel) / c.stride + 1;
  const zoo_conv_shape shape = {
      .batch = 1, .groups = c.groups, .in_channels = c.channels, .out_channels = c.outputs,
      .input = {1, c.extent, c.extent}, .kernel = {1, c.kernel, c.kernel},
      .output = {1, out, out}, .stride = {1, c.stride, c.stride}, .dilation = {1, 1, 1},
      .pad = {0, pad, pad}};
  const int ins = (c.channels + 15) / 16 * 16, outs = (c.outputs + 15) / 16 * 16;
  const size_t weights = (size_t)(c.outputs * (c.channels / c.groups) * c.kernel * c.kernel);
  float *x = floats((size_t)(ins * c.extent * c.extent)), *w = floats(weights);
  float *y = floats((size_t)(outs * out * out));
  void *packed = floats(zoo_blocked_conv_packed_bytes(isa, &shape, form) / sizeof(float));
  zoo_blocked_conv_pack(isa, &shape, form, w, NULL, NULL, packed);
  const zoo_blocked_epilogue epilogue = {0};
  double least = 1e9;
  for (int run = 0; run < RUNS; run++) {
    const double start = milliseconds();
    zoo_blocked_conv_run(isa, &shape, form, x, packed, y, &epilogue, 1);
    const double spent = milliseconds() - start;
    if (spent < least) least = spent;
  }
  static const char *const names[] = {"", "direct", "depthwise", "first layer", "winograd"};
  char what[96];
  snprintf(
      what, sizeof what, "%s %d -> %d, %d x %d, kernel %d / %d", names[form], c.channels,
      c.outputs, c.extent, c.extent, c.kernel, c.stride);
  report(what, (double)weights * out * out, least, peak);
  free(x), free(w), free(y), free(packed);
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
  const double peak = peak_of(isa);
  printf("%s, multiply-adds in registers: %.1f GFLOP/s\n", zoo_isa_name(isa), peak);
  measure_product(isa, peak, 1024, 1024, 1024);
  measure_product(isa, peak, 128, 1536, 384);
  measure_product(isa, peak, 16, 384, 384);
  measure_product(isa, peak, 1, 4096, 4096);
  const sample dense[] = {
      {64, 64, 56, 1, 1, 1},  {384, 384, 20, 1, 1, 1}, {64, 64, 56, 3, 1, 1}, {256, 256, 14, 3, 1, 1},
      {512, 512, 7, 3, 1, 1}, {256, 512, 56, 1, 2, 1}, {136, 136, 28, 1, 1, 4}};
  for (size_t i = 0; i < sizeof dense / sizeof *dense; i++) {
    measure_convolution(isa, peak, dense[i], ZOO_BLOCKED_DIRECT);
  }
  measure_convolution(isa, peak, (sample){3, 64, 224, 7, 2, 1}, ZOO_BLOCKED_PLANES);
  measure_convolution(isa, peak, (sample){64, 64, 56, 3, 1, 1}, ZOO_BLOCKED_WINOGRAD);
  measure_convolution(isa, peak, (sample){512, 512, 28, 3, 1, 1}, ZOO_BLOCKED_WINOGRAD);
  measure_convolution(isa, peak, (sample){96, 96, 80, 3, 1, 96}, ZOO_BLOCKED_DEPTHWISE);
  measure_convolution(isa, peak, (sample){192, 192, 40, 5, 1, 192}, ZOO_BLOCKED_DEPTHWISE);
  return 0;
}
