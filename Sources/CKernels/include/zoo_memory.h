#pragma once
#include <stdint.h>

/// Bytes that this process may take: the smaller of what the machine has left now and the container's limit (cgroup v1 or
/// v2). `INT64_MAX` where the system does not tell.
int64_t zoo_memory_available(void);
