#pragma once
#include <stdint.h>

/// What a cgroup folder sets a limit to, or 0 if it sets none.
typedef int64_t (*zoo_cgroup_reader)(const char *folder);

/// The smallest of `limit` and of what `read` finds for the cgroups of this process, v1 or v2, that `controller` ("cpu",
/// "memory") counts for, and for those around them.
int64_t zoo_cgroup_limit(const char *controller, zoo_cgroup_reader read, int64_t limit);
