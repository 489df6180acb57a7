#pragma once

/// The instruction sets that kernels are written for, weakest first.
typedef enum {
  ZOO_ISA_PORTABLE = 0,
  ZOO_ISA_NEON = 1,
  ZOO_ISA_AVX2 = 2,    // AVX2 + FMA + F16C
  ZOO_ISA_AVX512 = 3,  // AVX-512 F/BW/VL/DQ; VNNI is asked for separately
} zoo_isa;

/// The instruction set in force: the best of this CPU, or the one that the environment variable ZOO_ISA
/// (portable, neon, avx2, avx512) names if this CPU has it. Read once, when the process starts.
zoo_isa zoo_cpu_isa(void);

/// Whether this CPU can run kernels for `isa`.
int zoo_isa_available(zoo_isa isa);

/// "portable", "neon", "avx2" or "avx512".
const char *zoo_isa_name(zoo_isa isa);

/// Whether this CPU and this build have `isa`, whatever ZOO_ISA says.
int zoo_isa_available(zoo_isa isa);

/// Whether the AVX-512 VNNI dot-product instructions are there (and `zoo_cpu_isa()` is AVX-512).
int zoo_cpu_has_vnni(void);
