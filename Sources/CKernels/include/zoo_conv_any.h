#pragma once
#include "zoo_conv.h"

/// f64 convolution, one element after the other: rare enough to have no packing. `bias` may be NULL.
void zoo_conv_f64_run(
    const zoo_conv_shape *shape, const double *input, const double *weights, const double *bias,
    double *output, int max_threads);
