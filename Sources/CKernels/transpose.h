// Matrices of 1, 2, 4 or 8 bytes an element turned over in registers of 16 bytes: a block of N · N elements, N to a register,
// in log₂ N rounds of interleaving. Plain vector arithmetic, for every processor.
#pragma once
#include <stdint.h>
#include <string.h>

#define TRANSPOSE_UNROLL _Pragma("clang loop unroll(full)")
#define TRANSPOSE_INLINE static inline __attribute__((always_inline))

typedef uint8_t transpose_byte_1 __attribute__((ext_vector_type(16)));
typedef uint16_t transpose_byte_2 __attribute__((ext_vector_type(8)));
typedef uint32_t transpose_byte_4 __attribute__((ext_vector_type(4)));
typedef uint64_t transpose_byte_8 __attribute__((ext_vector_type(2)));

#define LOW_byte_1(a, b) \
  __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define HIGH_byte_1(a, b) \
  __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#define LOW_byte_2(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define HIGH_byte_2(a, b) __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#define LOW_byte_4(a, b) __builtin_shufflevector(a, b, 0, 4, 1, 5)
#define HIGH_byte_4(a, b) __builtin_shufflevector(a, b, 2, 6, 3, 7)
#define LOW_byte_8(a, b) __builtin_shufflevector(a, b, 0, 2)
#define HIGH_byte_8(a, b) __builtin_shufflevector(a, b, 1, 3)

/// y[r · y_row + c] = x[r + c · x_column] for `rows` and `columns` of a matrix: in blocks, the last of which overlap, or
/// for few of both by loops of a fixed length.
#define TRANSPOSE(t)                                                                                     \
  enum { PLACES_##t = 16 / sizeof(t) };                                                                  \
  TRANSPOSE_INLINE void turn_##t(transpose_##t *lines) {                                                 \
    enum { N = PLACES_##t };                                                                             \
    transpose_##t other[N];                                                                              \
    TRANSPOSE_UNROLL for (int step = 1; step < N; step *= 2) {                                           \
      TRANSPOSE_UNROLL for (int i = 0; i < N / 2; i++) {                                                 \
        other[2 * i] = LOW_##t(lines[i], lines[i + N / 2]);                                              \
        other[2 * i + 1] = HIGH_##t(lines[i], lines[i + N / 2]);                                         \
      }                                                                                                  \
      TRANSPOSE_UNROLL for (int i = 0; i < N; i++) lines[i] = other[i];                                  \
    }                                                                                                    \
  }                                                                                                      \
  TRANSPOSE_INLINE void block_##t(const t *x, int64_t x_column, t *y, int64_t y_row) {                   \
    transpose_##t lines[PLACES_##t];                                                                     \
    TRANSPOSE_UNROLL for (int i = 0; i < PLACES_##t; i++) memcpy(&lines[i], x + i * x_column, 16);       \
    turn_##t(lines);                                                                                     \
    TRANSPOSE_UNROLL for (int i = 0; i < PLACES_##t; i++) memcpy(y + i * y_row, &lines[i], 16);          \
  }                                                                                                      \
  /* Few columns: y has no gaps between its rows. */                                                     \
  TRANSPOSE_INLINE void columns_##t(                                                                     \
      const t *restrict x, int64_t x_column, t *restrict y, int64_t rows, const int columns) {           \
    for (int64_t r = 0; r < rows; r++) {                                                                 \
      TRANSPOSE_UNROLL for (int c = 0; c < columns; c++) y[r * columns + c] = x[r + c * x_column];       \
    }                                                                                                    \
  }                                                                                                      \
  static int few_columns_##t(                                                                            \
      const t *x, int64_t x_column, t *y, int64_t rows, int64_t columns) {                               \
    switch (columns) {                                                                                   \
    case 2: columns_##t(x, x_column, y, rows, 2); return 1;                                              \
    case 3: columns_##t(x, x_column, y, rows, 3); return 1;                                              \
    case 4: columns_##t(x, x_column, y, rows, 4); return 1;                                              \
    case 5: columns_##t(x, x_column, y, rows, 5); return 1;                                              \
    case 6: columns_##t(x, x_column, y, rows, 6); return 1;                                              \
    case 7: columns_##t(x, x_column, y, rows, 7); return 1;                                              \
    case 8: columns_##t(x, x_column, y, rows, 8); return 1;                                              \
    default: return 0;                                                                                   \
    }                                                                                                    \
  }                                                                                                      \
  /* Few rows: x has no gaps between its columns. */                                                     \
  TRANSPOSE_INLINE void rows_##t(                                                                        \
      const t *restrict x, t *restrict y, int64_t y_row, const int rows, int64_t columns) {              \
    for (int64_t c = 0; c < columns; c++) {                                                              \
      TRANSPOSE_UNROLL for (int r = 0; r < rows; r++) y[r * y_row + c] = x[c * rows + r];                \
    }                                                                                                    \
  }                                                                                                      \
  static int few_rows_##t(const t *x, t *y, int64_t y_row, int64_t rows, int64_t columns) {              \
    switch (rows) {                                                                                      \
    case 2: rows_##t(x, y, y_row, 2, columns); return 1;                                                 \
    case 3: rows_##t(x, y, y_row, 3, columns); return 1;                                                 \
    case 4: rows_##t(x, y, y_row, 4, columns); return 1;                                                 \
    case 5: rows_##t(x, y, y_row, 5, columns); return 1;                                                 \
    case 6: rows_##t(x, y, y_row, 6, columns); return 1;                                                 \
    case 7: rows_##t(x, y, y_row, 7, columns); return 1;                                                 \
    case 8: rows_##t(x, y, y_row, 8, columns); return 1;                                                 \
    default: return 0;                                                                                   \
    }                                                                                                    \
  }                                                                                                      \
  /* 1 if it is done, 0 if the matrix is too small or has gaps where it may not. */                      \
  static int transpose_##t##_matrix(                                                                     \
      const t *x, int64_t x_column, t *y, int64_t y_row, int64_t rows, int64_t columns) {                \
    enum { N = PLACES_##t };                                                                             \
    if (columns < N && y_row == columns) return few_columns_##t(x, x_column, y, rows, columns);          \
    if (rows < N && x_column == rows) return few_rows_##t(x, y, y_row, rows, columns);                   \
    if (rows < N || columns < N) return 0;                                                               \
    for (int64_t c = 0; c < columns; c += N) {                                                           \
      if (c > columns - N) c = columns - N;                                                              \
      for (int64_t r = 0; r < rows; r += N) {                                                            \
        if (r > rows - N) r = rows - N;                                                                  \
        block_##t(x + r + c * x_column, x_column, y + r * y_row + c, y_row);                             \
      }                                                                                                  \
    }                                                                                                    \
    return 1;                                                                                            \
  }
