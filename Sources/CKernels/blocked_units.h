#pragma once
#include "blocked.h"

/// How the output channels of a convolution are cut into units, which are computed one at a time.
typedef struct {
  int64_t groups, per_group, inputs;  // output and input channels of a group
  int aligned;                        // groups begin and end with blocks
  int max_blocks;
  int64_t in_group, count;            // units; some may be empty
  int64_t floats;                     // of packed weights of each
} zoo_blocked_units;

zoo_blocked_units zoo_blocked_units_of(
    const zoo_blocked_kernels *kernels, const zoo_conv_shape *shape);

/// Unit `index`; 0 if it is empty.
int zoo_blocked_unit_at(const zoo_blocked_units *units, int64_t index, zoo_blocked_unit *unit);
