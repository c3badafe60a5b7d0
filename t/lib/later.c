/*
 * Lets a process believe that it is later than it is, by as many seconds as the file
 * named by LATER holds (a native 64-bit number): what happens after a minute can be
 * tested without waiting for it. To be preloaded.
 */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>

static volatile int64_t *later;

__attribute__((constructor))
static void map_file(void)
{
    const char *path = getenv("LATER");
    int fd = path ? open(path, O_RDONLY) : -1;
    void *map;

    if (fd == -1) {
        return;
    }
    map = mmap(NULL, sizeof(*later), PROT_READ, MAP_SHARED, fd, 0);
    if (map != MAP_FAILED) {
        later = map;
    }
}

int clock_gettime(clockid_t id, struct timespec *now)
{
    static int (*real)(clockid_t, struct timespec *);
    int rc;

    if (!real) {
        real = (int (*)(clockid_t, struct timespec *)) dlsym(RTLD_NEXT, "clock_gettime");
    }
    rc = real(id, now);
    if (rc == 0 && later
        && (id == CLOCK_MONOTONIC || id == CLOCK_MONOTONIC_COARSE || id == CLOCK_MONOTONIC_RAW))
    {
        now->tv_sec += *later;
    }
    return rc;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    static int (*real)(struct timeval *, void *);
    int rc;

    if (!real) {
        real = (int (*)(struct timeval *, void *)) dlsym(RTLD_NEXT, "gettimeofday");
    }
    rc = real(now, zone);
    if (rc == 0 && later) {
        now->tv_sec += *later;
    }
    return rc;
}
