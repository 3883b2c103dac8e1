"""System calls by their numbers, of the machines that recorded hosts are: those of which an event is made.

The numbers are the kernel's (arch/*/entry/syscalls, include/uapi/asm-generic/unistd.h), and are never given to
another call.
"""

X86_64, I386, AARCH64, ARM = "c000003e", "40000003", "c00000b7", "40000028"
"""Values of `arch` (include/uapi/linux/audit.h): the ELF machine, and two bits for 64 bits and little-endian."""

LITTLE_ENDIAN = 0x40000000
X32 = 0x40000000
"""Set in the number where a program calls x86_64 with 32-bit pointers, by the ABI x32."""

EXEC_CALLS = ("execve", "execveat")

NO = -1
NUMBERS = {
    "execve": (59, 11, 221, 11),
    "execveat": (322, 358, 281, 387),
    "open": (2, 5, NO, 5),
    "openat": (257, 295, 56, 322),
    "openat2": (437, 437, 437, 437),
    "creat": (85, 8, NO, 8),
    "open_by_handle_at": (304, 342, 265, 371),
    "mkdir": (83, 39, NO, 39),
    "mkdirat": (258, 296, 34, 323),
    "mknod": (133, 14, NO, 14),
    "mknodat": (259, 297, 33, 324),
    "link": (86, 9, NO, 9),
    "linkat": (265, 303, 37, 330),
    "symlink": (88, 83, NO, 83),
    "symlinkat": (266, 304, 36, 331),
    "unlink": (87, 10, NO, 10),
    "unlinkat": (263, 301, 35, 328),
    "rmdir": (84, 40, NO, 40),
    "rename": (82, 38, NO, 38),
    "renameat": (264, 302, 38, 329),
    "renameat2": (316, 353, 276, 382),
    "chmod": (90, 15, NO, 15),
    "fchmod": (91, 94, 52, 94),
    "fchmodat": (268, 306, 53, 333),
    "fchmodat2": (452, 452, 452, 452),
    "chown": (92, 182, NO, 182),
    "lchown": (94, 16, NO, 16),
    "fchown": (93, 95, 55, 95),
    "fchownat": (260, 298, 54, 325),
    "chown32": (NO, 212, NO, 212),
    "lchown32": (NO, 198, NO, 198),
    "fchown32": (NO, 207, NO, 207),
    "setxattr": (188, 226, 5, 226),
    "lsetxattr": (189, 227, 6, 227),
    "fsetxattr": (190, 228, 7, 228),
    "setxattrat": (463, 463, 463, 463),
    "removexattr": (197, 235, 14, 235),
    "lremovexattr": (198, 236, 15, 236),
    "fremovexattr": (199, 237, 16, 237),
    "removexattrat": (466, 466, 466, 466),
    "utime": (132, 30, NO, 30),
    "utimes": (235, 271, NO, 269),
    "futimesat": (261, 299, NO, 326),
    "utimensat": (280, 320, 88, 348),
    "utimensat_time64": (NO, 412, NO, 412),
    "truncate": (76, 92, 45, 92),
    "ftruncate": (77, 93, 46, 93),
    "truncate64": (NO, 193, NO, 193),
    "ftruncate64": (NO, 194, NO, 194),
    "fallocate": (285, 324, 47, 352),
    "acct": (163, 51, 89, 51),
    "swapon": (167, 87, 224, 87),
    "readlink": (89, 85, NO, 85),
    "readlinkat": (267, 305, 78, 332),
    "getxattr": (191, 229, 8, 229),
    "lgetxattr": (192, 230, 9, 230),
    "fgetxattr": (193, 231, 10, 231),
    "getxattrat": (464, 464, 464, 464),
    "listxattr": (194, 232, 11, 232),
    "llistxattr": (195, 233, 12, 233),
    "flistxattr": (196, 234, 13, 234),
    "listxattrat": (465, 465, 465, 465),
    "connect": (42, 362, 203, 283),
    "accept": (43, NO, 202, 285),
    "accept4": (288, 364, 242, 366),
    "bind": (49, 361, 200, 282),
    "socketcall": (NO, 102, NO, 102),
    "setuid": (105, 23, 146, 23),
    "setgid": (106, 46, 144, 46),
    "setreuid": (113, 70, 145, 70),
    "setregid": (114, 71, 143, 71),
    "setresuid": (117, 164, 147, 164),
    "setresgid": (119, 170, 149, 170),
    "setfsuid": (122, 138, 151, 138),
    "setfsgid": (123, 139, 152, 139),
    "setgroups": (116, 81, 159, 81),
    "setuid32": (NO, 213, NO, 213),
    "setgid32": (NO, 214, NO, 214),
    "setreuid32": (NO, 203, NO, 203),
    "setregid32": (NO, 204, NO, 204),
    "setresuid32": (NO, 208, NO, 208),
    "setresgid32": (NO, 210, NO, 210),
    "setfsuid32": (NO, 215, NO, 215),
    "setfsgid32": (NO, 216, NO, 216),
    "setgroups32": (NO, 206, NO, 206),
    "capset": (126, 185, 91, 185),
    "io_uring_setup": (425, 425, 425, 425),
}
"""Numbers on x86_64, i386, aarch64 and arm; NO where a machine has none."""

_X32_ONLY = {520: "execve", 545: "execveat"}
"""Those with numbers of their own in x32, as far as an event is made of them."""

SOCKETCALLS = {"2": "bind", "3": "connect", "5": "accept", "12": "accept4"}
"""What `socketcall` is told to do by its first argument, in hexadecimal (include/uapi/linux/net.h)."""

BY_NUMBER = {
    (arch, str(numbers[column])): name
    for name, numbers in NUMBERS.items()
    for column, arch in enumerate((X86_64, I386, AARCH64, ARM))
    if numbers[column] != NO
}


def syscall(arch: str, number: str) -> str:
    """The name of a system call by what SYSCALL says of it; "" where it is not in the table."""
    name = BY_NUMBER.get((arch, number), "")
    if not name and arch == X86_64 and number.isdecimal() and len(number) == 10:
        plain = int(number) & ~X32
        return _X32_ONLY.get(plain) or BY_NUMBER.get((arch, str(plain)), "")
    return name


def little_endian(arch: str) -> bool:
    """Whether numbers of this machine begin with their lowest byte."""
    try:
        return bool(int(arch, 16) & LITTLE_ENDIAN)
    except ValueError:
        return True
