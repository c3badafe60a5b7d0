/*
 * Loaded before nginx (LD_PRELOAD): allocations fail when the driver says so.
 *
 * The file that TORTURE_STARVE names holds two 32-bit numbers, mapped by every
 * process of nginx and changed while they run: of how many million allocations
 * fail, and from which size on. Allocations before the first change never fail.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static volatile uint32_t *orders;
static uint64_t state;

__attribute__((constructor)) static void map_orders(void)
{
    const char *name = getenv("TORTURE_STARVE");
    int file = name ? open(name, O_RDONLY) : -1;
    void *mapped;

    if (file < 0) {
        return;
    }
    mapped = mmap(NULL, 8, PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (mapped != MAP_FAILED) {
        orders = mapped;
    }
}

/* xorshift64*; the workers differ by their process id. */
static int fails(size_t size)
{
    uint32_t drawn;

    if (orders == NULL || orders[0] == 0 || size < orders[1]) {
        return 0;
    }
    if (state == 0) {
        state = (uint64_t) getpid() * 0x9e3779b97f4a7c15u | 1;
    }
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    drawn = (uint32_t) ((state * 0x2545f4914f6cdd1du) >> 32);
    if (drawn % 1000000 >= orders[0]) {
        return 0;
    }
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t size)
{
    return fails(size) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return fails(count * size) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    return fails(size) ? NULL : __libc_realloc(old, size);
}

int posix_memalign(void **found, size_t alignment, size_t size)
{
    void *got = fails(size) ? NULL : __libc_memalign(alignment, size);

    if (got == NULL) {
        return ENOMEM;
    }
    *found = got;
    return 0;
}
