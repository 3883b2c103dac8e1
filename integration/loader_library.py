"""A shared library as an adversary would preload it, made without a compiler: what it runs is all that runs."""

import struct

SAYS = b"not the login shell\n"


def library() -> bytes:
    """An ELF file for x86-64 whose initialiser prints SAYS and ends the process with status 0."""
    header, program, dynamic = 64, 3 * 56, 6 * 16
    tables = header + program
    code = tables + dynamic
    text = b"".join(
        (
            b"\xb8\x01\x00\x00\x00\x89\xc7",  # mov $1 (write), %eax; mov %eax, %edi
            b"\x48\x8d\x35" + struct.pack("<i", 5 + 2 + 7 + 2),  # lea SAYS(%rip), %rsi
            b"\xba" + struct.pack("<I", len(SAYS)) + b"\x0f\x05",  # mov length, %edx; syscall
            b"\xb8\xe7\x00\x00\x00\x31\xff\x0f\x05",  # mov $231 (exit_group), %eax; xor %edi, %edi; syscall
        )
    )
    strings = code + len(text) + len(SAYS)
    size = strings + 1
    entries = ((12, code), (5, strings), (6, strings), (10, 1), (11, 24), (0, 0))  # INIT STRTAB SYMTAB STRSZ SYMENT
    return b"".join(
        (
            b"\x7fELF\x02\x01\x01".ljust(16, b"\0"),
            struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, header, 0, 0, 64, 56, 3, 0, 0, 0),
            struct.pack("<IIQQQQQQ", 1, 7, 0, 0, 0, size, size, 4096),
            struct.pack("<IIQQQQQQ", 2, 6, tables, tables, tables, dynamic, dynamic, 8),
            # Without it glibc 2.41 opens the library at a program's start only.
            struct.pack("<IIQQQQQQ", 0x6474E551, 6, 0, 0, 0, 0, 0, 16),
            *(struct.pack("<QQ", *entry) for entry in entries),
            text,
            SAYS,
            b"\0",
        )
    )
