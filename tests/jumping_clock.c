/* Preloaded: the time of day is as many seconds ahead as stand in the file JUMPING_CLOCK, which may change meanwhile. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *now)
{
    char text[32] = "";
    int result = syscall(SYS_clock_gettime, clock, now);
    const char *name = getenv("JUMPING_CLOCK");
    int file = clock == CLOCK_REALTIME && name ? open(name, O_RDONLY | O_CLOEXEC) : -1;

    if (file < 0)
        return result;
    if (read(file, text, sizeof text - 1) > 0)
        now->tv_sec += atol(text);
    close(file);
    return result;
}
