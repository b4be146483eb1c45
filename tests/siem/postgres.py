"""A PostgreSQL server of the test's own: a real one, in a temporary directory, on a socket there and nowhere else."""

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

from siem import end_with_parent, skip, wait

NOBODY = 65534


class Postgres:
    def __init__(self):
        found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"))
        if not found:
            skip("no PostgreSQL server is installed (postgresql-15)")
        self.bin, self.process = found[-1].parent, None
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="plumbline-pg-"))
        if os.geteuid() == 0:  # which PostgreSQL refuses
            os.chown(self.dir, NOBODY, NOBODY)
        self.program("initdb", "-D", self.dir / "data", "-U", "plumbline", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync").wait(60)

    def program(self, name, *arguments):
        def become():
            if os.geteuid() == 0:
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            end_with_parent()
        with open(self.dir / "log", "a") as log:
            return subprocess.Popen([self.bin / name, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                    preexec_fn=become, cwd="/")

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.crash()
        shutil.rmtree(self.dir, ignore_errors=True)

    def start(self):
        self.process = self.program("postgres", "-D", self.dir / "data", "-k", self.dir, "-c", "listen_addresses=", "-c", "max_connections=60")
        wait(lambda: self.psql("SELECT 1", check=False).returncode == 0, "the server to answer", 60)

    def crash(self):
        """As after a crash: connections end at once and nothing is tidied up."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(20)

    def psql(self, sql, check=True):
        return subprocess.run([self.bin / "psql", "-h", self.dir, "-U", "plumbline", "-d", "postgres", "-Atc", sql], check=check,
                              capture_output=True, text=True, timeout=60)

    def ask(self, sql):
        return self.psql(sql).stdout.strip()

    @property
    def uri(self):
        return f"postgresql://plumbline@/postgres?host={self.dir}"
