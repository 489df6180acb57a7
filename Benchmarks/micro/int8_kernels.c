// Rates of the 8-bit and 4-bit kernels on one thread, over the peak of the core: a loop of independent dot products in
// registers. Times are CPU time of the thread, the least of many runs, so that other load hardly matters.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "CKernels.h"

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

#if defined(__x86_64__)
#include <immintrin.h>
__attribute__((target("avx512f,avx512vnni"))) static double vnni_peak(void) {
  enum { SUMS = 24, STEPS = 4000 };
  __m512i sum[SUMS], a = _mm512_set1_epi32(0x01020304), b = _mm512_set1_epi32(0x01010101);
  double best = 1e9;
  for (int round = 0; round < 2000; round++) {
    for (int i = 0; i < SUMS; i++) sum[i] = _mm512_setzero_si512();
    const double start = now();
    for (int step = 0; step < STEPS; step++) {
#pragma clang loop unroll(full)
      for (int i = 0; i < SUMS; i++) sum[i] = _mm512_dpbusd_epi32(sum[i], a, b);
      __asm__ volatile("" : "+v"(a), "+v"(b));
    }
    for (int i = 0; i < SUMS; i++) __asm__ volatile("" : : "v"(sum[i]));
    const double time = now() - start;
    if (time < best) best = time;
  }
  return 2.0 * 64 * SUMS * STEPS / best * 1e-9;
}
#endif

static uint8_t *random_bytes(size_t count) {
  uint8_t *bytes = aligned_alloc(64, (count + 127) / 64 * 64);
  for (size_t i = 0; i < count; i++) bytes[i] = (uint8_t)rand();
  return bytes;
}

static void report(const char *what, double operations, double seconds, double peak) {
  const double rate = operations / seconds * 1e-9;
  printf("%-34s %9.3f ms %8.1f GOP/s", what, seconds * 1e3, rate);
  if (peak > 0) printf("  %5.1f %% of the peak", 100 * rate / peak);
  printf("\n");
}

static void gemm(zoo_isa isa, int64_t n, double peak) {
  uint8_t *a = random_bytes((size_t)(n * n)), *b = random_bytes((size_t)(n * n));
  uint8_t *c = random_bytes((size_t)(n * n)), *packed = random_bytes(zoo_qgemm_packed_bytes(isa, n, n));
  zoo_qgemm_pack(isa, n, n, b, n, 0, 1, packed);
  const float scale = 0.01f;
  const zoo_qside left = {.scale = &scale}, right = {.is_signed = 1, .scale = &scale};
  const zoo_qtarget target = {.kind = ZOO_QOUT_U8, .scale = 1, .zero = 128};
  double best = 1e9;
  for (int round = 0; round < 100; round++) {
    const double start = now();
    zoo_qgemm_run(isa, n, n, n, a, n, left, packed, right, c, n, &target, 1);
    const double time = now() - start;
    if (time < best) best = time;
  }
  char what[64];
  snprintf(what, sizeof what, "gemm %lld, %s", (long long)n, zoo_isa_name(isa));
  report(what, 2.0 * (double)(n * n * n), best, peak);
  free(a), free(b), free(c), free(packed);
}

static void conv(
    zoo_isa isa, int64_t channels, int64_t outputs, int64_t extent, int64_t kernel, int64_t stride,
    int64_t groups, double peak) {
  const int64_t pad = kernel / 2, out = (extent + 2 * pad - kernel) / stride + 1;
  const zoo_conv_shape shape = {
      .batch = 1, .groups = groups, .in_channels = channels, .out_channels = outputs,
      .input = {1, extent, extent}, .kernel = {1, kernel, kernel}, .output = {1, out, out},
      .stride = {1, stride, stride}, .dilation = {1, 1, 1}, .pad = {0, pad, pad}};
  const int64_t weights = outputs * channels / groups * kernel * kernel;
  uint8_t *x = random_bytes((size_t)(channels * extent * extent)), *w = random_bytes((size_t)weights);
  uint8_t *y = random_bytes((size_t)(outputs * out * out));
  uint8_t *packed = random_bytes(zoo_qconv_packed_bytes(isa, &shape));
  uint8_t *scratch = random_bytes(zoo_qconv_scratch_bytes(&shape, 0));
  zoo_qconv_pack(isa, &shape, w, 1, packed);
  const float scale = 0.01f;
  const zoo_qside left = {.scale = &scale}, right = {.is_signed = 1, .scale = &scale};
  const zoo_qtarget target = {.kind = ZOO_QOUT_U8, .scale = 1, .zero = 128};
  double best = 1e9;
  for (int round = 0; round < 100; round++) {
    const double start = now();
    zoo_qconv_run(isa, &shape, x, left, packed, right, y, &target, scratch, 1);
    const double time = now() - start;
    if (time < best) best = time;
  }
  char what[64];
  snprintf(what, sizeof what, "conv %lld→%lld, %lld×%lld/%lld at %lld", (long long)channels,
           (long long)outputs, (long long)kernel, (long long)kernel, (long long)stride, (long long)extent);
  report(what, 2.0 * (double)(weights * out * out), best, peak);
  free(x), free(w), free(y), free(packed), free(scratch);
}

int main(void) {
  double peak = 0;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512vnni")) peak = vnni_peak();
#endif
  printf("peak of the core: %.1f GOP/s\n", peak);
  for (int isa = ZOO_ISA_PORTABLE; isa <= ZOO_ISA_AVX512; isa++) {
    if (!zoo_isa_available((zoo_isa)isa)) continue;
    gemm((zoo_isa)isa, 1024, isa == ZOO_ISA_AVX512 ? peak : 0);
  }
  const zoo_isa isa = zoo_cpu_isa();
  const double shown = isa == ZOO_ISA_AVX512 ? peak : 0;
  conv(isa, 3, 64, 224, 7, 2, 1, shown);
  conv(isa, 64, 64, 56, 3, 1, 1, shown);
  conv(isa, 64, 256, 56, 1, 1, 1, shown);
  conv(isa, 256, 256, 14, 3, 1, 1, shown);
  conv(isa, 2048, 512, 7, 1, 1, 1, shown);
  conv(isa, 96, 96, 48, 3, 1, 96, 0);
}
