/* drive MODE ... -- COMMAND...: runs COMMAND on a terminal of its own, 80x24 in raw mode, and measures it from there.
 *
 *   drive drain FILE      read to the end; what was read must begin with the bytes of FILE
 *   drive echo COUNT GAP  type one byte, wait until it comes back; GAP microseconds between two of them
 *   drive start [TYPED]   time until the first byte, after which TYPED and a newline are typed, and until the end
 *
 * The result is one line of JSON on standard output. Times are of CLOCK_MONOTONIC. CPU time is COMMAND's own and that
 * of every child it waited for, as wait4(2) tells it.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { READY = 2, END = 4, WARM_UP = 100, SETTLE_US = 200000 };

static char buffer[1 << 20];
static size_t last_read;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static ssize_t receive(int master)
{
    ssize_t n = read(master, buffer, sizeof buffer);
    if (n > 0)
        last_read = (size_t)n;
    return n;
}

static pid_t start_on_terminal(char **command, int *master)
{
    struct winsize size = {.ws_row = 24, .ws_col = 80};
    struct termios raw = {.c_cflag = CS8 | CREAD};
    cfmakeraw(&raw);
    raw.c_cc[VMIN] = 1;
    pid_t pid = forkpty(master, NULL, &raw, &size);
    if (pid < 0)
        fail("forkpty");
    if (pid == 0) {
        execvp(command[0], command);
        perror(command[0]);
        _exit(127);
    }
    return pid;
}

static int finish(pid_t pid, double *cpu)
{
    struct rusage used;
    int status;
    if (wait4(pid, &status, 0, &used) < 0)
        fail("wait4");
    *cpu = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec)
        + (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-6;
    if (status != 0) /* what it said last is why */
        fwrite(buffer, 1, last_read < 500 ? last_read : 500, stderr);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int drain(const char *file, char **command)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    struct stat info;
    if (fd < 0 || fstat(fd, &info) < 0)
        fail(file);
    size_t size = (size_t)info.st_size;
    char *expected = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    if (expected == MAP_FAILED)
        fail("mmap");

    int master;
    double began = now(), cpu;
    pid_t pid = start_on_terminal(command, &master);
    size_t total = 0;
    long long wrong = -1;
    ssize_t n;
    while ((n = receive(master)) > 0) {
        size_t left = total < size ? size - total : 0;
        size_t length = (size_t)n < left ? (size_t)n : left;
        if (wrong < 0 && memcmp(expected + total, buffer, length) != 0)
            wrong = (long long)total;
        total += (size_t)n;
    }
    int status = finish(pid, &cpu);
    printf("{\"expected\": %zu, \"bytes\": %zu, \"wrong_after\": %lld, \"cpu_s\": %.6f, \"wall_s\": %.6f, \"status\": %d}\n",
           size, total, wrong, cpu, now() - began, status);
    return 0;
}

static int by_value(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* Reads until `byte` is among what was read. */
static void await(int master, char byte)
{
    for (;;) {
        ssize_t n = receive(master);
        if (n <= 0) {
            fprintf(stderr, "the command ended before it answered\n");
            exit(1);
        }
        if (memchr(buffer, byte, (size_t)n))
            return;
    }
}

static int echo(int count, useconds_t gap, char **command)
{
    double *micros = calloc((size_t)count, sizeof *micros), cpu;
    int master;
    if (!micros)
        fail("calloc");
    pid_t pid = start_on_terminal(command, &master);
    await(master, READY);
    usleep(SETTLE_US);
    for (int i = -WARM_UP; i < count; i++) {
        char byte = (char)('a' + (i + WARM_UP) % 26);
        double began = now();
        if (write(master, &byte, 1) != 1)
            fail("write");
        await(master, byte);
        if (i >= 0)
            micros[i] = (now() - began) * 1e6;
        if (gap)
            usleep(gap);
    }
    char end = END;
    if (write(master, &end, 1) != 1)
        fail("write");
    while (receive(master) > 0)
        ;
    int status = finish(pid, &cpu);
    qsort(micros, (size_t)count, sizeof *micros, by_value);
    printf("{\"p50_us\": %.2f, \"p90_us\": %.2f, \"p99_us\": %.2f, \"status\": %d}\n",
           micros[count / 2], micros[count * 9 / 10], micros[count * 99 / 100], status);
    return 0;
}

static int start(const char *typed, char **command)
{
    int master;
    double began = now(), first = 0, cpu;
    pid_t pid = start_on_terminal(command, &master);
    while (receive(master) > 0) {
        if (first != 0)
            continue;
        first = now();
        if (typed && dprintf(master, "%s\n", typed) < 0)
            fail("write");
    }
    int status = finish(pid, &cpu);
    double ended = now();
    printf("{\"first_ms\": %.3f, \"wall_ms\": %.3f, \"cpu_ms\": %.3f, \"status\": %d}\n",
           first == 0 ? 0 : (first - began) * 1e3, (ended - began) * 1e3, cpu * 1e3, status);
    return 0;
}

int main(int argc, char **argv)
{
    int at = 1;
    while (at < argc && strcmp(argv[at], "--") != 0)
        at++;
    char **command = argv + at + 1;
    if (at + 1 < argc && at == 3 && strcmp(argv[1], "drain") == 0)
        return drain(argv[2], command);
    if (at + 1 < argc && at == 4 && strcmp(argv[1], "echo") == 0 && atoi(argv[2]) > 0)
        return echo(atoi(argv[2]), (useconds_t)atoi(argv[3]), command);
    if (at + 1 < argc && at == 2 && strcmp(argv[1], "start") == 0)
        return start(NULL, command);
    if (at + 1 < argc && at == 3 && strcmp(argv[1], "start") == 0)
        return start(argv[2], command);
    fprintf(stderr, "usage: drive drain FILE | echo COUNT GAP | start [TYPED] -- COMMAND...\n");
    return 2;
}
