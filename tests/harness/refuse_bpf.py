#!/usr/bin/env python3
"""Runs a program for which chosen bpf(2) commands fail, as on a kernel that cannot or may not do them.

    refuse_bpf.py ERROR COMMAND[,COMMAND…] PROGRAM [ARGUMENT…]      for example: refuse_bpf.py EBUSY link_create plumbline-agent

A seccomp filter, so that the program is the real one and does not know; it stays on over exec and fork.
"""

import ctypes
import errno
import os
import platform
import struct
import sys

COMMANDS = {"map_create": 0, "prog_load": 5, "obj_pin": 6, "raw_tracepoint_open": 17, "link_create": 28, "iter_create": 33}  # linux/bpf.h
BPF_SYSCALL = {"x86_64": 321, "aarch64": 280}
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
ALLOW, ERRNO = 0x7FFF0000, 0x00050000  # SECCOMP_RET_…
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06  # classic BPF: ld [k], jeq k, ret k
NUMBER, FIRST_ARGUMENT = 0, 16  # offsets in struct seccomp_data; the low half on little endian


def instructions(error, commands):
    program = [(LOAD, 0, 0, NUMBER), (JUMP_IF_EQUAL, 1, 0, BPF_SYSCALL[platform.machine()]), (RETURN, 0, 0, ALLOW),
               (LOAD, 0, 0, FIRST_ARGUMENT)]
    for command in commands:
        program += [(JUMP_IF_EQUAL, 0, 1, command), (RETURN, 0, 0, ERRNO | error)]
    return program + [(RETURN, 0, 0, ALLOW)]


def install(program):
    class Program(ctypes.Structure):  # struct sock_fprog
        _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_char_p)]

    code = b"".join(struct.pack("HBBI", *instruction) for instruction in program)
    libc = ctypes.CDLL(None, use_errno=True)
    for call in ((PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(Program(len(program), code)), 0, 0)):
        if libc.prctl(*call) != 0:
            raise OSError(ctypes.get_errno(), f"prctl {call[0]}")


def main(error, commands, *program):
    install(instructions(getattr(errno, error), [COMMANDS[command] for command in commands.split(",")]))
    os.execv(program[0], program)


if __name__ == "__main__":
    main(*sys.argv[1:])
