#include "thread_scratch.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct {
  void *memory;
  size_t bytes;
} scratch;

static _Thread_local scratch own;
static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void release(void *memory) { free(memory); }
static void make_key(void) { pthread_key_create(&key, release); }

void *zoo_thread_scratch(size_t bytes) {
  if (bytes <= own.bytes) return own.memory;
  pthread_once(&once, make_key);
  free(own.memory);
  const size_t rounded = (bytes + 65535) & ~(size_t)65535;
  if (posix_memalign(&own.memory, 64, rounded) != 0) {
    fputs("out of memory: no scratch space for a kernel\n", stderr);
    abort();
  }
  own.bytes = rounded;
  pthread_setspecific(key, own.memory);
  return own.memory;
}
