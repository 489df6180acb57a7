// The process-wide thread pool.
//
// In C because it lives on atomics, futexes and thread start-up before any Swift executor exists, and because a
// fork–join has to cost microseconds: Swift's task groups and `concurrentPerform` cost two to three times as much.
//
// One job at a time. The caller publishes it by opening `tickets` (generation above, free seats below); a worker
// joins by taking a seat with a compare-and-swap, so a worker that wakes too late finds no seat and touches nothing.
// Whoever joined takes ranges from `next` until none are left. The caller then closes the seats and waits only for
// those who joined.
#if defined(__linux__)
#define _GNU_SOURCE
#endif
#include "zoo_threads.h"

#include "zoo_cgroup.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#if defined(__linux__)
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#endif

enum { MAX_WORKERS = 255, RANGES_PER_THREAD = 8 };

// How long an idle thread watches before it sleeps. Waking one takes tens of microseconds, more in a virtual machine,
// and the serial steps of a small network take as long: a worker that slept through each would never be there in time.
// Where other callers want the cores, it gives up soon.
enum { PATIENT_NANOSECONDS = 500000, HASTY_NANOSECONDS = 10000 };

// MARK: The container's limit

#if defined(__linux__)
/// The CPUs that a quota in one cgroup folder allows, or 0 if it sets none.
static int64_t cpus_of_quota(const char *folder) {
  char path[PATH_MAX + 32];
  long long quota = -1, period = 0;
  snprintf(path, sizeof path, "%s/cpu.max", folder);
  FILE *file = fopen(path, "re");
  if (file) {
    if (fscanf(file, "%lld %lld", &quota, &period) != 2) quota = -1;
    fclose(file);
  } else {
    snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", folder);
    if (!(file = fopen(path, "re"))) return 0;
    if (fscanf(file, "%lld", &quota) != 1) quota = -1;
    fclose(file);
    snprintf(path, sizeof path, "%s/cpu.cfs_period_us", folder);
    if (!(file = fopen(path, "re"))) return 0;
    if (fscanf(file, "%lld", &period) != 1) period = 0;
    fclose(file);
  }
  if (quota <= 0 || period <= 0) return 0;
  return quota / period + (quota % period != 0);
}
#endif

static int count_cpus(void) {
  long cpus = sysconf(_SC_NPROCESSORS_ONLN);
  int limit = cpus < 1 ? 1 : cpus > MAX_WORKERS + 1 ? MAX_WORKERS + 1 : (int)cpus;
#if defined(__linux__)
  cpu_set_t granted;
  if (sched_getaffinity(0, sizeof granted, &granted) == 0) {
    const int count = CPU_COUNT(&granted);
    if (count > 0 && count < limit) limit = count;
  }
  limit = (int)zoo_cgroup_limit("cpu", cpus_of_quota, limit);
#endif
  return limit;
}

int zoo_threads_available(void) {
  static _Atomic int known = 0;
  int cpus = atomic_load_explicit(&known, memory_order_relaxed);
  if (cpus == 0) {
    cpus = count_cpus();
    atomic_store_explicit(&known, cpus, memory_order_relaxed);
  }
  return cpus;
}

// MARK: Waiting

static inline void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static int64_t nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/// Callers that found the pool busy and work alone now.
static _Atomic int turned_away = 0;

/// Spins until `*word` differs from `value`; 0 if it still does not when the time is up.
static int spin_while(_Atomic uint32_t *word, uint32_t value) {
  const int64_t start = nanoseconds();
  for (;;) {
    for (int i = 0; i < 64; i++) {
      if (atomic_load_explicit(word, memory_order_acquire) != value) return 1;
      relax();
    }
    const int crowded = atomic_load_explicit(&turned_away, memory_order_relaxed) > 0;
    if (nanoseconds() - start > (crowded ? HASTY_NANOSECONDS : PATIENT_NANOSECONDS)) return 0;
  }
}

#if defined(__linux__)
static void sleep_while(_Atomic uint32_t *word, uint32_t value) {
  while (atomic_load(word) == value) {
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
  }
}

static void wake(_Atomic uint32_t *word, int count) {
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}
#else
static pthread_mutex_t wait_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wait_changed = PTHREAD_COND_INITIALIZER;

static void sleep_while(_Atomic uint32_t *word, uint32_t value) {
  pthread_mutex_lock(&wait_lock);
  while (atomic_load(word) == value) pthread_cond_wait(&wait_changed, &wait_lock);
  pthread_mutex_unlock(&wait_lock);
}

static void wake(_Atomic uint32_t *word, int count) {
  (void)word, (void)count;
  pthread_mutex_lock(&wait_lock);
  pthread_cond_broadcast(&wait_changed);
  pthread_mutex_unlock(&wait_lock);
}
#endif

// MARK: The pool

#define OWN_LINE __attribute__((aligned(64)))

static struct {
  OWN_LINE _Atomic int busy;           // 1 while a caller owns the job below
  OWN_LINE _Atomic uint32_t epoch;     // changes with every job: what idle workers watch
  _Atomic int sleepers;                // workers that are, or are about to be, asleep on `epoch`
  OWN_LINE _Atomic uint64_t tickets;   // generation << 32 | seats that are still free
  OWN_LINE _Atomic int64_t next;       // the first item that nobody has taken
  OWN_LINE _Atomic uint32_t finished;  // workers that have left the job
  _Atomic int caller_sleeps;
  int workers;                         // threads running; written by the owner of the job only
  zoo_range_body body;
  void *context;
  int64_t count, range;
} pool;

static _Thread_local int inside_body = 0;

static void work(void) {
  const int64_t count = pool.count, range = pool.range;
  for (;;) {
    const int64_t begin = atomic_fetch_add_explicit(&pool.next, range, memory_order_relaxed);
    if (begin >= count) return;
    pool.body(pool.context, begin, count - begin < range ? count : begin + range);
  }
}

static int take_seat(void) {
  uint64_t tickets = atomic_load(&pool.tickets);
  while ((uint32_t)tickets != 0) {
    if (atomic_compare_exchange_weak(&pool.tickets, &tickets, tickets - 1)) return 1;
  }
  return 0;
}

static void *run_worker(void *unused) {
  (void)unused;
  inside_body = 1;
  uint32_t seen = atomic_load(&pool.epoch);
  for (;;) {
    if (take_seat()) {
      work();
      atomic_fetch_add(&pool.finished, 1);
      if (atomic_load(&pool.caller_sleeps)) wake(&pool.finished, 1);
    }
    if (!spin_while(&pool.epoch, seen)) {
      atomic_fetch_add(&pool.sleepers, 1);
      sleep_while(&pool.epoch, seen);
      atomic_fetch_sub(&pool.sleepers, 1);
    }
    seen = atomic_load(&pool.epoch);
  }
  return NULL;
}

/// In a forked child none of the threads exist, and the job that the parent may have had is not the child's.
static void forget_workers(void) {
  pool.workers = 0;
  atomic_store(&pool.sleepers, 0);
  atomic_store(&pool.tickets, 0);
  atomic_store(&pool.caller_sleeps, 0);
  atomic_store(&turned_away, 0);
  if (!inside_body) atomic_store(&pool.busy, 0);
}

/// Brings the pool up to `wanted` workers, as far as the system grants them. Called by the owner of the job.
static void start_workers(int wanted) {
  static int registered = 0;
  if (!registered) registered = pthread_atfork(NULL, NULL, forget_workers) == 0;
  pthread_attr_t attributes;
  sigset_t all, before;
  if (pthread_attr_init(&attributes) != 0) return;
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, 1 << 20);
  // Signals belong to the program that embeds the library: the workers inherit a full mask.
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  while (pool.workers < wanted) {
    pthread_t thread;
    if (pthread_create(&thread, &attributes, run_worker, NULL) != 0) break;
    pool.workers++;
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
}

static void publish(int seats) {
  atomic_store(&pool.next, 0);
  atomic_store(&pool.finished, 0);
  const uint64_t generation = (atomic_load(&pool.tickets) >> 32) + 1;
  atomic_store(&pool.tickets, generation << 32 | (uint32_t)seats);
  atomic_fetch_add(&pool.epoch, 1);
  const int sleepers = atomic_load(&pool.sleepers);
  if (sleepers > 0) wake(&pool.epoch, seats < sleepers ? seats : sleepers);
}

/// Closes the seats that nobody took, then waits for the workers that took one.
static void join(int seats) {
  const uint64_t closed =
      atomic_fetch_and(&pool.tickets, ~(uint64_t)UINT32_MAX);
  const uint32_t joined = (uint32_t)seats - (uint32_t)closed;
  uint32_t finished;
  while ((finished = atomic_load(&pool.finished)) != joined) {
    if (spin_while(&pool.finished, finished)) continue;
    atomic_store(&pool.caller_sleeps, 1);
    sleep_while(&pool.finished, finished);
    atomic_store(&pool.caller_sleeps, 0);
  }
}

void zoo_parallel_for(
    int64_t count, int64_t grain, int max_threads, zoo_range_body body, void *context) {
  if (count <= 0) return;
  if (grain < 1) grain = 1;
  int threads = zoo_threads_available();
  if (max_threads > 0 && max_threads < threads) threads = max_threads;
  const int64_t pieces = (count - 1) / grain + 1;
  if (pieces < threads) threads = (int)pieces;
  if (threads <= 1 || inside_body) {
    body(context, 0, count);
    return;
  }
  if (atomic_exchange(&pool.busy, 1)) {
    atomic_fetch_add(&turned_away, 1);
    body(context, 0, count);
    atomic_fetch_sub(&turned_away, 1);
    return;
  }
  inside_body = 1;
  if (pool.workers < threads - 1) start_workers(threads - 1);
  const int seats = pool.workers < threads - 1 ? pool.workers : threads - 1;
  const int64_t fair = (count - 1) / ((int64_t)threads * RANGES_PER_THREAD) + 1;
  pool.body = body;
  pool.context = context;
  pool.count = count;
  pool.range = fair > grain ? fair : grain;
  publish(seats);
  work();
  join(seats);
  inside_body = 0;
  atomic_store(&pool.busy, 0);
}
