#pragma once
// The advanced parameters (literal compression mode, negative levels) are declared only with this macro.
#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>
#include <zstd_errors.h>
