#pragma once
#include <stdint.h>

/// How many threads this process may keep busy: the smallest of the container's CPU limit (cgroup v1 or v2, rounded
/// up), the CPUs that the scheduler grants, and the CPUs that are online. At least 1. Read once.
int zoo_threads_available(void);

/// What `zoo_parallel_for` calls: works on items `begin ..< end`.
typedef void (*zoo_range_body)(void *context, int64_t begin, int64_t end);

/// Calls `body` on consecutive ranges that together cover `0 ..< count` once, from up to `max_threads` threads of the
/// one pool of this process, the caller among them; returns when all of them are done.
///
/// - `grain`: the fewest items worth handing to another thread (≥ 1); no range but the last is shorter.
/// - `max_threads`: 0 means all of `zoo_threads_available()`; more than those are never used.
///
/// Any number of threads may call this at once: one of them gets the pool, the others work alone, as does a call from
/// inside a body. Threads are started by the first call that needs them, spin for at most 20 µs and then sleep.
/// A child made by `fork` starts threads of its own.
void zoo_parallel_for(
    int64_t count, int64_t grain, int max_threads, zoo_range_body body, void *context);
