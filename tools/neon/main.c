// Compares every NEON kernel with its portable twin; exit code 1 if one differs.
#include <stdarg.h>

#include "compare.h"

static uint64_t state = 0x9E3779B97F4A7C15;
static char subject[256];
static int64_t compared, failures;

uint64_t bits(void) {
  state ^= state >> 12;
  state ^= state << 25;
  state ^= state >> 27;
  return state * 0x2545F4914F6CDD1D;
}

float number(float low, float high) {
  return low + (high - low) * (float)(bits() >> 40) / (float)(1 << 24);
}

void *room(int64_t byte_count) {
  void *memory = NULL;
  if (posix_memalign(&memory, 64, (size_t)byte_count + 64)) abort();
  return memset(memory, 0, (size_t)byte_count + 64);
}

float *numbers(int64_t count, float low, float high) {
  float *x = room(count * 4);
  for (int64_t i = 0; i < count; i++) x[i] = number(low, high);
  return x;
}

void *bytes(int64_t count) {
  uint8_t *x = room(count);
  for (int64_t i = 0; i < count; i++) x[i] = (uint8_t)(bits() >> 32);
  return x;
}

void compare(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(subject, sizeof subject, format, arguments);
  va_end(arguments);
}

static void fail(int64_t index, double got, double want) {
  if (failures++ < 40) printf("%s: [%lld] got %.9g, want %.9g\n", subject, (long long)index, got, want);
}

void close_to(const float *got, const float *want, int64_t count, float tolerance, float scale) {
  compared += count;
  for (int64_t i = 0; i < count; i++) {
    if (got[i] == want[i] || (isnan(got[i]) && isnan(want[i]))) continue;
    const float bound = tolerance * fmaxf(fabsf(want[i]), scale);
    if (isinf(want[i]) || !(fabsf(got[i] - want[i]) <= bound)) {
      fail(i, got[i], want[i]);
      return;
    }
  }
}

void same_bytes(const void *got, const void *want, int64_t count) {
  compared += count;
  const uint8_t *a = got, *b = want;
  for (int64_t i = 0; i < count; i++) {
    if (a[i] == b[i]) continue;
    fail(i, a[i], b[i]);
    return;
  }
}

int main(void) {
  if (!zoo_isa_available(ZOO_ISA_NEON)) {
    puts("no NEON here");
    return 1;
  }
  compare_elementwise();
  compare_rows();
  compare_attention();
  compare_products();
  compare_convolutions();
  compare_blocks();
  compare_integers();
  printf("%lld comparisons, %lld failed\n", (long long)compared, (long long)failures);
  return failures > 0;
}
