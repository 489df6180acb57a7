#pragma once
#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <tiffio.h>

// What is called of libtiff. It brings eight libraries with it, which would be loaded whenever a program that links this
// package starts; so it is loaded when the first TIFF is read.
typedef struct {
  __typeof__(TIFFOpenOptionsAlloc) *_Nonnull TIFFOpenOptionsAlloc;
  __typeof__(TIFFOpenOptionsFree) *_Nonnull TIFFOpenOptionsFree;
  __typeof__(TIFFOpenOptionsSetErrorHandlerExtR) *_Nonnull TIFFOpenOptionsSetErrorHandlerExtR;
  __typeof__(TIFFOpenOptionsSetWarningHandlerExtR) *_Nonnull TIFFOpenOptionsSetWarningHandlerExtR;
  __typeof__(TIFFOpenOptionsSetMaxSingleMemAlloc) *_Nonnull TIFFOpenOptionsSetMaxSingleMemAlloc;
  __typeof__(TIFFClientOpenExt) *_Nonnull TIFFClientOpenExt;
  __typeof__(TIFFClose) *_Nonnull TIFFClose;
  __typeof__(TIFFGetField) *_Nonnull TIFFGetField;
  __typeof__(TIFFSetField) *_Nonnull TIFFSetField;
  __typeof__(TIFFRGBAImageBegin) *_Nonnull TIFFRGBAImageBegin;
  __typeof__(TIFFRGBAImageGet) *_Nonnull TIFFRGBAImageGet;
  __typeof__(TIFFRGBAImageEnd) *_Nonnull TIFFRGBAImageEnd;
} zoo_tiff;

static inline void *zoo_tiff_open(void) {
#if defined(__APPLE__)
  const char *names[] = {"libtiff.6.dylib", "libtiff.dylib"};
#else
  const char *names[] = {"libtiff.so.6", "libtiff.so"};
#endif
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    void *library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    if (library) return library;
  }
  return NULL;
}

// libtiff, or NULL if this system has none that is new enough. To be called once.
static inline const zoo_tiff *_Nullable zoo_tiff_load(void) {
  void *library = zoo_tiff_open();
  zoo_tiff *tiff = library ? (zoo_tiff *)malloc(sizeof(zoo_tiff)) : NULL;
  if (!tiff) return NULL;
  int missing = 0;
#define ZOO_TIFF_FIND(name) missing += !(*(void **)&tiff->name = dlsym(library, #name))
  ZOO_TIFF_FIND(TIFFOpenOptionsAlloc);
  ZOO_TIFF_FIND(TIFFOpenOptionsFree);
  ZOO_TIFF_FIND(TIFFOpenOptionsSetErrorHandlerExtR);
  ZOO_TIFF_FIND(TIFFOpenOptionsSetWarningHandlerExtR);
  ZOO_TIFF_FIND(TIFFOpenOptionsSetMaxSingleMemAlloc);
  ZOO_TIFF_FIND(TIFFClientOpenExt);
  ZOO_TIFF_FIND(TIFFClose);
  ZOO_TIFF_FIND(TIFFGetField);
  ZOO_TIFF_FIND(TIFFSetField);
  ZOO_TIFF_FIND(TIFFRGBAImageBegin);
  ZOO_TIFF_FIND(TIFFRGBAImageGet);
  ZOO_TIFF_FIND(TIFFRGBAImageEnd);
#undef ZOO_TIFF_FIND
  return missing ? NULL : tiff;
}

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
static inline TIFFOpenOptions *zoo_tiff_options(
    const zoo_tiff *tiff, zoo_tiff_log *log, tmsize_t bytes) {
  TIFFOpenOptions *options = tiff->TIFFOpenOptionsAlloc();
  if (options == NULL) return NULL;
  tiff->TIFFOpenOptionsSetErrorHandlerExtR(options, zoo_tiff_note, log);
  tiff->TIFFOpenOptionsSetWarningHandlerExtR(options, zoo_tiff_ignore, NULL);
  tiff->TIFFOpenOptionsSetMaxSingleMemAlloc(options, bytes);
  return options;
}

// TIFFGetField is variadic, which Swift cannot call.
static inline uint32_t zoo_tiff_long(const zoo_tiff *tiff, TIFF *file, uint32_t tag) {
  uint32_t value = 0;
  return tiff->TIFFGetField(file, tag, &value) ? value : 0;
}

// What the first of the samples beside the colours means: EXTRASAMPLE_…, or -1 where there is none.
static inline int zoo_tiff_extra_sample(const zoo_tiff *tiff, TIFF *file) {
  uint16_t count = 0;
  uint16_t *kinds = NULL;
  if (!tiff->TIFFGetField(file, TIFFTAG_EXTRASAMPLES, &count, &kinds)) return -1;
  return count > 0 && kinds != NULL ? kinds[0] : -1;
}

// Makes libtiff hand alpha and colours over as they are stored.
static inline int zoo_tiff_take_alpha_as_stored(const zoo_tiff *tiff, TIFF *file) {
  uint16_t kind = EXTRASAMPLE_ASSOCALPHA;
  return tiff->TIFFSetField(file, TIFFTAG_EXTRASAMPLES, 1, &kind);
}
