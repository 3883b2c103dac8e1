/* enter LOGIN UID PROGRAM ARGUMENT...: becomes PROGRAM as sshd would start it: with the login uid LOGIN and an audit
 * session of its own, as the user UID, whose gid is the same; without an argument as a login shell, by its name. Run as
 * root.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void fail(const char *what)
{
    perror(what);
    _exit(126);
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: enter LOGIN UID PROGRAM ARGUMENT...\n");
        return 2;
    }
    uid_t uid = (uid_t)atoi(argv[2]);
    /* A kernel without auditing has none. */
    int login = open("/proc/self/loginuid", O_WRONLY | O_CLOEXEC);
    if (login >= 0 && write(login, argv[1], strlen(argv[1])) < 0)
        fail("loginuid");
    if (isatty(0) && fchown(0, uid, 5) != 0)
        fail("terminal");
    if (setgroups(0, NULL) || setgid(uid) || setuid(uid))
        fail("setuid");
    const char *program = argv[3], *slash = strrchr(program, '/');
    char name[256];
    if (argc == 4) {
        snprintf(name, sizeof name, "-%s", slash ? slash + 1 : program);
        argv[3] = name;
    }
    execv(program, argv + 3);
    fail(program);
}
