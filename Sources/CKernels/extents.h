#pragma once
#include <stddef.h>
#include <stdint.h>

// Arithmetic on extents that kernels and their drivers share.

static inline int64_t lesser(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t greater(int64_t a, int64_t b) { return a > b ? a : b; }

/// How many times `b` > 0 it takes to reach `a` ≥ 0.
static inline int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// `bytes` rounded up to whole cache lines.
static inline size_t whole_lines(size_t bytes) { return (bytes + 63) & ~(size_t)63; }
