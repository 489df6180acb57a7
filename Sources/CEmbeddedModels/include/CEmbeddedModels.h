#pragma once
#include <stddef.h>
#include <stdint.h>

/// A model file that is part of the program.
typedef struct {
  const char *name;
  const uint8_t *bytes;
  size_t size;
} zoo_embedded_model;

/// The embedded models, in alphabetical order. C because Swift cannot take a file into a program without a build
/// plugin or minutes of compiling.
const zoo_embedded_model *zoo_embedded_models(size_t *count);
