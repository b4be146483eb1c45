"""How soon a drifted file is what it should be again, and what keeping its content costs."""

import os
import statistics
import time

import harness
from harness import Stack, wait

CHANGES = 300
SIZE = 4096
FILES = 500


def cpu_seconds(process):
    with open(f"/proc/{process.pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def floor_us(folder):
    """One 4 KiB write with fdatasync, median: no durable answer of this disk is sooner."""
    fd = os.open(folder / "floor", os.O_CREAT | os.O_WRONLY)
    times = []
    for i in range(300):
        started = time.perf_counter()
        os.pwrite(fd, b"x" * SIZE, i * SIZE)
        os.fdatasync(fd)
        times.append((time.perf_counter() - started) * 1e6)
    os.close(fd)
    return statistics.median(times)


def rules(stack):
    path = stack.dir / "rules.yaml"
    path.write_text('apiVersion: plumbline/v1\nkind: Rules\nrollback: [{name: heal, when: {path: "**"}, mode: auto}]\n')
    stack.rules.append(path)
    stack.agent_extra = "rollback: {file_count: 100000, node_count: 100000, loop_count: 100000}\n"


def kept(stack):
    return len(list((stack.state / "rollback" / "matched").glob("*")))


def rollback():
    right = "r" * SIZE
    with Stack("rollback") as stack:
        path = stack.file("app.conf", content=right)
        rules(stack)
        stack.start_agent()
        wait(lambda: kept(stack) == 1, "its content to be kept")
        base = floor_us(stack.dir)
        times = []
        for i in range(CHANGES):
            wrong = f"{i:08}" + "w" * (SIZE - 8)
            before = os.stat(path).st_ino
            started = time.perf_counter()
            path.write_text(wrong)
            while os.stat(path).st_ino == before:  # it is swapped: the right one is another inode
                pass
            times.append((time.perf_counter() - started) * 1000)
            assert path.read_text() == right
            wait(lambda: stack.open_drift(path) is None, "the drift to close")
        times.sort()
    with Stack("rollback-kept") as stack:
        for i in range(FILES):
            stack.file(f"f{i}", content=f"{i:08}" + right[8:])
        rules(stack)
        stack.start_agent()
        wait(lambda: kept(stack) == FILES, "all contents to be kept", 120)
        with_rules = cpu_seconds(stack.agent)
    with Stack("rollback-not-kept") as stack:
        for i in range(FILES):
            stack.file(f"f{i}", content=f"{i:08}" + right[8:])
        stack.start_agent()
        without = cpu_seconds(stack.agent)
    print("### Drift to restored file (`auto`, 4 KB, checked and durable)\n")
    print("| figure | measured | goal | reference: fdatasync of 4 KiB, median | ratio |\n| --- | --- | --- | --- | --- |")
    print(f"| written → right again, p50 of {CHANGES} | {times[CHANGES // 2]:.2f} ms | | {base / 1000:.2f} ms | {times[CHANGES // 2] * 1000 / base:.1f} |")
    print(f"| p99 | {times[int(CHANGES * 0.99) - 1]:.2f} ms | < 20 ms | {base / 1000:.2f} ms | {times[int(CHANGES * 0.99) - 1] * 1000 / base:.1f} |")
    print(f"| keeping a file's content, agent's CPU, of {FILES} | {(with_rules - without) / FILES * 1000:.2f} ms a file | < 1 ms | | |\n")
