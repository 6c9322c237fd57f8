// Preloaded into redis-server by shifted-clock.ts: every look at the wall clock is shifted by the offset that stands in
// a file. The monotonic clock stays as it is, as when an administrator, or NTP, sets a machine's time.
//
// The kernel is asked directly: looking up the functions that are replaced here (dlsym) would allocate memory, and the
// allocator of redis-server looks at the clock while it starts.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/** Microseconds; a whole machine word, so it is never seen half written. */
static volatile const int64_t *offset;

__attribute__((constructor)) static void find_offset(void) {
  const char *path = getenv("SHIFTED_CLOCK_FILE");
  int file = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return;
  void *page = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
  close(file);
  if (page != MAP_FAILED) offset = page;
}

static int64_t shifted_microseconds(long *nanoseconds) {
  struct timespec real;
  syscall(SYS_clock_gettime, CLOCK_REALTIME, &real);
  if (nanoseconds != NULL) *nanoseconds = real.tv_nsec % 1000;
  return (int64_t)real.tv_sec * 1000000 + real.tv_nsec / 1000 + (offset == NULL ? 0 : *offset);
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  (void)zone;
  int64_t microseconds = shifted_microseconds(NULL);
  now->tv_sec = microseconds / 1000000;
  now->tv_usec = microseconds % 1000000;
  return 0;
}

time_t time(time_t *now) {
  time_t seconds = shifted_microseconds(NULL) / 1000000;
  if (now != NULL) *now = seconds;
  return seconds;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  if (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE) return syscall(SYS_clock_gettime, clock, now);
  long nanoseconds;
  int64_t microseconds = shifted_microseconds(&nanoseconds);
  now->tv_sec = microseconds / 1000000;
  now->tv_nsec = microseconds % 1000000 * 1000 + nanoseconds;
  return 0;
}
