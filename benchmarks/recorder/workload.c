/* What is recorded: a program that costs as little as possible, so that what is measured is the recorder.
 *
 *   workload cat FILE   writes FILE; its own CPU seconds go to the file that $WORKLOAD_CPU names
 *   workload echo       writes a byte READY, then gives back what it reads, until a byte END
 *   workload hello      writes one byte
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <termios.h>
#include <unistd.h>

enum { READY = 2, END = 4 };

static char buffer[1 << 17];

static void write_all(const char *data, size_t length)
{
    while (length > 0) {
        ssize_t n = write(STDOUT_FILENO, data, length);
        if (n < 0)
            exit(1);
        data += n;
        length -= (size_t)n;
    }
}

static void report_cpu(void)
{
    const char *name = getenv("WORKLOAD_CPU");
    FILE *file = name ? fopen(name, "w") : NULL;
    struct rusage used;
    if (!file)
        return;
    getrusage(RUSAGE_SELF, &used);
    fprintf(file, "%.6f\n",
            (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec)
                + (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-6);
    fclose(file);
}

static int cat(const char *name)
{
    int fd = open(name, O_RDONLY);
    ssize_t n;
    if (fd < 0)
        return 1;
    while ((n = read(fd, buffer, sizeof buffer)) > 0)
        write_all(buffer, (size_t)n);
    tcdrain(STDOUT_FILENO);
    report_cpu();
    return 0;
}

static int echo(void)
{
    char ready = READY;
    ssize_t n;
    write_all(&ready, 1);
    while ((n = read(STDIN_FILENO, buffer, sizeof buffer)) > 0 && buffer[0] != END)
        write_all(buffer, (size_t)n);
    return 0;
}

int main(int argc, char **argv)
{
    struct termios mode;
    if (tcgetattr(STDIN_FILENO, &mode) == 0) {
        cfmakeraw(&mode);
        mode.c_cc[VMIN] = 1;
        tcsetattr(STDIN_FILENO, TCSANOW, &mode);
    }
    if (argc == 3 && strcmp(argv[1], "cat") == 0)
        return cat(argv[2]);
    if (argc == 2 && strcmp(argv[1], "echo") == 0)
        return echo();
    if (argc == 2 && strcmp(argv[1], "hello") == 0) {
        write_all("x", 1);
        return 0;
    }
    fprintf(stderr, "usage: workload cat FILE | echo | hello\n");
    return 2;
}
