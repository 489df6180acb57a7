// In C because `stdio` reads the files of /proc and /sys, which have no size.
#include "zoo_memory.h"

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "zoo_cgroup.h"

/// The number in a file of a cgroup folder, or 0 if there is none.
static int64_t number(const char *folder, const char *name) {
  char path[PATH_MAX + 32];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "re");
  if (!file) return 0;
  long long value = 0;
  if (fscanf(file, "%lld", &value) != 1) value = 0;
  fclose(file);
  return value;
}

static int64_t memory_of_group(const char *folder) {
  const int64_t bytes = number(folder, "memory.max");
  return bytes > 0 ? bytes : number(folder, "memory.limit_in_bytes");
}

static int64_t memory_of_machine(void) {
  FILE *file = fopen("/proc/meminfo", "re");
  if (file) {
    char line[256];
    long long kilobytes = 0;
    while (fgets(line, sizeof line, file) && sscanf(line, "MemAvailable: %lld", &kilobytes) != 1) {
    }
    fclose(file);
    if (kilobytes > 0) return kilobytes * 1024;
  }
#if defined(_SC_PHYS_PAGES)
  const long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
  if (pages > 0 && size > 0) return (int64_t)pages * size;
#endif
  return INT64_MAX;
}

int64_t zoo_memory_available(void) {
  return zoo_cgroup_limit("memory", memory_of_group, memory_of_machine());
}
