// What the comparison of the NEON kernels with the portable ones is made of.
#pragma once

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "CKernels.h"

enum { PORTABLE = ZOO_ISA_PORTABLE, NEON = ZOO_ISA_NEON };

/// The same numbers in each run: xorshift64*.
uint64_t bits(void);
/// low … high
float number(float low, float high);
/// `count` numbers in memory of their own that begins at a multiple of 64 and ends with 64 bytes to spare; it is never
/// given back.
float *numbers(int64_t count, float low, float high);
void *bytes(int64_t count);
/// Zeros.
void *room(int64_t byte_count);

/// What is being compared, for messages: a format and its arguments.
void compare(const char *format, ...) __attribute__((format(printf, 1, 2)));
/// |got − want| ≤ tolerance · max(|want|, scale); NaN equals NaN, an infinity itself.
void close_to(const float *got, const float *want, int64_t count, float tolerance, float scale);
void same_bytes(const void *got, const void *want, int64_t count);

void compare_elementwise(void);
void compare_rows(void);
void compare_attention(void);
void compare_products(void);
void compare_convolutions(void);
void compare_blocks(void);
void compare_integers(void);
