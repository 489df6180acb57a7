#include "zoo_cpu.h"

#include <stdlib.h>
#include <string.h>

static const char *const names[] = {"portable", "neon", "avx2", "avx512"};

int zoo_isa_available(zoo_isa isa) {
  switch (isa) {
  case ZOO_ISA_PORTABLE:
    return 1;
#if defined(__x86_64__)
  case ZOO_ISA_AVX2:
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           __builtin_cpu_supports("f16c");
  case ZOO_ISA_AVX512:
    return zoo_isa_available(ZOO_ISA_AVX2) && __builtin_cpu_supports("avx512f") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512dq");
#elif defined(__aarch64__)
  case ZOO_ISA_NEON:
    return 1;
#endif
  default:
    return 0;
  }
}

static zoo_isa chosen = ZOO_ISA_PORTABLE;
static int vnni = 0;

// Constructors run before any Swift code, so that every kernel table can be filled without a lock.
__attribute__((constructor(101))) static void choose(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
#endif
  for (int isa = ZOO_ISA_AVX512; isa > ZOO_ISA_PORTABLE; isa--) {
    if (zoo_isa_available((zoo_isa)isa)) {
      chosen = (zoo_isa)isa;
      break;
    }
  }
  const char *wish = getenv("ZOO_ISA");
  for (int isa = ZOO_ISA_PORTABLE; wish && isa <= ZOO_ISA_AVX512; isa++) {
    if (strcmp(wish, names[isa]) == 0 && zoo_isa_available((zoo_isa)isa)) chosen = (zoo_isa)isa;
  }
#if defined(__x86_64__)
  vnni = chosen == ZOO_ISA_AVX512 && __builtin_cpu_supports("avx512vnni");
#endif
}

zoo_isa zoo_cpu_isa(void) { return chosen; }
const char *zoo_isa_name(zoo_isa isa) { return names[isa]; }
int zoo_cpu_has_vnni(void) { return vnni; }
