// f32 convolution as a matrix product whose rows are output elements and whose columns are output channels.
//
// In C because it gathers the input with the functions that the other convolutions use.
// The same to the bit on every processor: nothing becomes a fused multiply-add that is not written as one.
#pragma STDC FP_CONTRACT OFF

#include "zoo_conv_narrow.h"

#include "conv_f32.h"

static int64_t depth_of(const zoo_conv_shape *shape) {
  return shape->in_channels * conv_volume(shape->kernel);
}

int zoo_conv_narrow_f32_suits(zoo_isa isa, const zoo_conv_shape *shape, const zoo_epilogue *epilogue) {
  const int vector = zoo_gemm_f32_table(isa)->vector;
  const int64_t elements = conv_volume(shape->output);
  return shape->groups == 1 && !epilogue->residual && shape->out_channels >= vector &&
         elements > 0 && elements <= vector / 2;
}

size_t zoo_conv_narrow_f32_scratch_bytes(const zoo_conv_shape *shape) {
  const int64_t elements = conv_volume(shape->output);
  return (size_t)(elements * (depth_of(shape) + shape->out_channels)) * sizeof(float);
}

void zoo_conv_narrow_f32_run(
    zoo_isa isa, const zoo_conv_shape *shape, const float *input, const void *packed,
    float *output, void *scratch, const zoo_epilogue *epilogue, int max_threads) {
  const int64_t rows = conv_volume(shape->output), columns = shape->out_channels;
  const int64_t k = depth_of(shape), image = shape->in_channels * conv_volume(shape->input);
  float *gathered = scratch, *product = gathered + rows * k;
  zoo_epilogue by_column = *epilogue;
  by_column.bias_per_row = 0;
  for (int64_t i = 0; i < shape->batch; i++, input += image, output += rows * columns) {
    zoo_conv_gather_f32(shape, input, 0, (int)rows, (int)rows, 0, k, 0, gathered);
    float *to = rows == 1 ? output : product;
    zoo_gemm_f32_run(
        isa, rows, columns, k, gathered, rows, 1, packed, to, columns, &by_column, max_threads);
    for (int64_t row = 0; rows > 1 && row < rows; row++) {
      for (int64_t column = 0; column < columns; column++) {
        output[column * rows + row] = product[row * columns + column];
      }
    }
  }
}
