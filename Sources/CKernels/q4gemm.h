#pragma once
#include <stdint.h>

/// What one instruction set brings to products with 4-bit weights. A panel holds `columns` = 2 · VL columns of one block
/// after the other: scales[columns], zeros[columns] as f32, then `block` rows of columns / 2 bytes; byte i of a row holds
/// column i in its low, column i + columns / 2 in its high half, as 0 … 15.
typedef struct {
  int columns;
  /// out[p · ld + j] = (code − zero) · scale for `count` rows of one block, columns 0 ..< width, in whole vectors.
  void (*unpack)(
      const uint8_t *codes, const float *scales, int64_t count, int64_t width, float *out, int64_t ld);
  /// row[columns] = a[k] · panel.
  void (*row)(int64_t k, int64_t block, const float *a, const uint8_t *panel, float *row);
} zoo_q4_kernels;
