#pragma once
#include <stdarg.h>
#include <stdio.h>
#include <tiffio.h>

// What libtiff complained of first. In C because its handlers take a va_list.
typedef struct {
  char message[256];
} zoo_tiff_log;

static inline int zoo_tiff_note(
    TIFF *file, void *log, const char *module, const char *format, va_list values) {
  char *message = ((zoo_tiff_log *)log)->message;
  if (message[0] == 0) vsnprintf(message, sizeof(((zoo_tiff_log *)log)->message), format, values);
  return 1;
}

static inline int zoo_tiff_ignore(
    TIFF *file, void *log, const char *module, const char *format, va_list values) {
  return 1;
}

// Options under which nothing is printed and no single block of memory is larger than `bytes`. Handlers belong to the
// one file, so that the program around this keeps its own.
static inline TIFFOpenOptions *zoo_tiff_options(zoo_tiff_log *log, tmsize_t bytes) {
  TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
  if (options == NULL) return NULL;
  TIFFOpenOptionsSetErrorHandlerExtR(options, zoo_tiff_note, log);
  TIFFOpenOptionsSetWarningHandlerExtR(options, zoo_tiff_ignore, NULL);
  TIFFOpenOptionsSetMaxSingleMemAlloc(options, bytes);
  return options;
}

// TIFFGetField is variadic, which Swift cannot call.
static inline uint16_t zoo_tiff_short(TIFF *file, uint32_t tag, uint16_t missing) {
  uint16_t value = missing;
  return TIFFGetFieldDefaulted(file, tag, &value) ? value : missing;
}

static inline uint32_t zoo_tiff_long(TIFF *file, uint32_t tag) {
  uint32_t value = 0;
  return TIFFGetField(file, tag, &value) ? value : 0;
}

// What the first of the samples beside the colours means: EXTRASAMPLE_…, or -1 where there is none.
static inline int zoo_tiff_extra_sample(TIFF *file) {
  uint16_t count = 0;
  uint16_t *kinds = NULL;
  if (!TIFFGetField(file, TIFFTAG_EXTRASAMPLES, &count, &kinds)) return -1;
  return count > 0 && kinds != NULL ? kinds[0] : -1;
}

// Makes libtiff hand alpha and colours over as they are stored.
static inline int zoo_tiff_take_alpha_as_stored(TIFF *file) {
  uint16_t kind = EXTRASAMPLE_ASSOCALPHA;
  return TIFFSetField(file, TIFFTAG_EXTRASAMPLES, 1, &kind);
}
