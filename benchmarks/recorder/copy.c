/* copy FILE COMMAND...: the least that a recorder can do. Copies between its terminal and that of COMMAND, and appends
 * the bytes of the output to FILE as they are, at every read: the physical limit that recorders are measured against.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static char buffer[1 << 16];

static void write_all(int fd, const char *data, size_t length)
{
    while (length > 0) {
        ssize_t n = write(fd, data, length);
        if (n < 0)
            exit(1);
        data += n;
        length -= (size_t)n;
    }
}

int main(int argc, char **argv)
{
    struct termios mode, raw;
    struct winsize size;
    int master, status;
    if (argc < 3 || tcgetattr(STDIN_FILENO, &mode) < 0 || ioctl(STDIN_FILENO, TIOCGWINSZ, &size) < 0) {
        fprintf(stderr, "usage: copy FILE COMMAND... on a terminal\n");
        return 2;
    }
    int file = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    pid_t pid = file < 0 ? -1 : forkpty(&master, NULL, &mode, &size);
    if (pid < 0) {
        perror(argv[1]);
        return 1;
    }
    if (pid == 0) {
        execvp(argv[2], argv + 2);
        _exit(127);
    }
    raw = mode;
    cfmakeraw(&raw);
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);

    struct pollfd wait_for[] = {{STDIN_FILENO, POLLIN, 0}, {master, POLLIN, 0}};
    while (poll(wait_for, 2, -1) >= 0) {
        if (wait_for[1].revents) {
            ssize_t n = read(master, buffer, sizeof buffer);
            if (n <= 0)
                break;
            write_all(STDOUT_FILENO, buffer, (size_t)n);
            write_all(file, buffer, (size_t)n);
        }
        if (wait_for[0].revents) {
            ssize_t n = read(STDIN_FILENO, buffer, sizeof buffer);
            if (n > 0)
                write_all(master, buffer, (size_t)n);
            else
                wait_for[0].fd = -1;
        }
    }
    waitpid(pid, &status, 0);
    tcsetattr(STDIN_FILENO, TCSADRAIN, &mode);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
