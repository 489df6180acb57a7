// The limits that a container sets. In C because `stdio` reads the files of /proc and /sys, which have no size.
#include "zoo_cgroup.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#if defined(__linux__)
/// The tightest limit of `group` below `mount` and of its ancestors up to the mount itself.
static int64_t limit_of_hierarchy(
    const char *mount, const char *group, zoo_cgroup_reader read, int64_t limit) {
  char folder[PATH_MAX];
  if (snprintf(folder, sizeof folder, "%s%s", mount, group) >= (int)sizeof folder) return limit;
  for (;;) {
    const int64_t found = read(folder);
    if (found > 0 && found < limit) limit = found;
    char *slash = strrchr(folder, '/');
    if (!slash || (size_t)(slash - folder) < strlen(mount)) return limit;
    *slash = 0;
  }
}

/// Whether `name` is one of `names`, which commas part.
static int has_name(const char *names, const char *name) {
  const size_t length = strlen(name);
  for (const char *at = names; (at = strstr(at, name)); at += length) {
    const int begins = at == names || at[-1] == ',';
    if (begins && (at[length] == ',' || !at[length])) return 1;
  }
  return 0;
}

int64_t zoo_cgroup_limit(const char *controller, zoo_cgroup_reader read, int64_t limit) {
  FILE *file = fopen("/proc/self/cgroup", "re");
  if (!file) return limit;
  char line[PATH_MAX], mount[PATH_MAX];
  while (fgets(line, sizeof line, file)) {
    line[strcspn(line, "\n")] = 0;
    char *names = strchr(line, ':');
    char *group = names ? strchr(names + 1, ':') : NULL;
    if (!group) continue;
    *group++ = 0;
    names++;
    if (!*names) {
      limit = limit_of_hierarchy("/sys/fs/cgroup", group, read, limit);
    } else if (has_name(names, controller)) {
      // Mounted under its own name, or under those of all that share the hierarchy.
      snprintf(mount, sizeof mount, "/sys/fs/cgroup/%s", controller);
      limit = limit_of_hierarchy(mount, group, read, limit);
      if (!strcmp(names, controller)) continue;
      snprintf(mount, sizeof mount, "/sys/fs/cgroup/%s", names);
      limit = limit_of_hierarchy(mount, group, read, limit);
    }
  }
  fclose(file);
  return limit;
}
#else
int64_t zoo_cgroup_limit(const char *controller, zoo_cgroup_reader read, int64_t limit) {
  (void)controller, (void)read;
  return limit;
}
#endif
