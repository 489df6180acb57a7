#pragma once

#include <stddef.h>
#include <stdint.h>

#include "zoo_math.h"

#pragma clang assume_nonnull begin

/// Converts `n` values. Float to integer truncates towards 0 and then wraps like the two's complement it fills; NaN and
/// what lies beyond 64 bits give the smallest 64-bit integer, wrapped. To `zoo_bool`: anything but 0 is 1.
/// Operands must not overlap unless both types have one size and `to` is `from`.
void zoo_cast(const void *from, zoo_scalar from_type, void *to, zoo_scalar to_type, size_t n);

/// The bytes of one element.
size_t zoo_scalar_size(zoo_scalar type);

#pragma clang assume_nonnull end
