#pragma once
#include <stddef.h>

/// Memory of the calling thread, 64-byte aligned, at least `bytes` long, kept until the thread ends. A second call
/// invalidates the first: only the innermost kernel loop of a thread may hold it. Callers ask for amounts that their
/// block sizes bound (a few MB), never for amounts that come from data.
void *zoo_thread_scratch(size_t bytes);
