/* plumb-testprog: changes one file in one way and prints its own truth as one line of JSON.
 *
 *   plumb-testprog TRIGGER PATH [OTHER]
 *   plumb-testprog grandchild TRIGGER PATH [OTHER]    the same in a double-forked process that ends at once
 *   plumb-testprog sibling TRIGGER PATH [OTHER]       the same in a process made with CLONE_PARENT, that ends at once
 *   plumb-testprog --list
 *
 * {"pid": 4711, "parent": 4700, "start": 1234567, "exe": "/usr/bin/plumb-testprog", "op": "write", "path": "/etc/a",
 *  "result": 0, "error": "", "bytes": 24}
 *
 * The line of a grandchild or sibling also has "forker": who made it, and "lived_us": microseconds from its first
 * instruction to the end of its operation. A sibling is left for the caller to wait for: it is the caller's child.
 * pid, parent: in the caller's pid namespace. start: clock ticks since boot, field 22 of /proc/PID/stat. result: 0 or
 * the errno. Status: 0, 1 where the operation failed, 64 for usage, 95 where this kernel or file system cannot do it.
 */
#include "plumb_testprog.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { status_usage = 64, status_unsupported = 95 };

const char payload[] = "changed by plumb-testprog\n";
size_t payload_size(void) {
  return sizeof payload - 1;
}

struct outcome failed(void) {
  return (struct outcome){.error = errno};
}
struct outcome wrote(long long bytes) {
  return bytes < 0 ? failed() : (struct outcome){.bytes = bytes};
}

static const struct trigger* const tables[] = {plain_triggers, copy_triggers, async_triggers};

static const struct trigger* find(const char* name) {
  for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
    for (const struct trigger* t = tables[i]; t->name; t++)
      if (!strcmp(t->name, name)) return t;
  return NULL;
}

static void list(void) {
  for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
    for (const struct trigger* t = tables[i]; t->name; t++)
      printf("%-16s %s  %s\n", t->name, t->paths == 2 ? "PATH OTHER" : "PATH      ", t->does);
}

/* Every byte that JSON or UTF-8 could trip over becomes \u00NN, the byte's value as a code point. */
static void print_string(const char* text) {
  putchar('"');
  for (; *text; text++) {
    unsigned char c = (unsigned char)*text;
    if (c == '"' || c == '\\')
      printf("\\%c", c);
    else if (c < 0x20 || c >= 0x7f)
      printf("\\u%04x", c);
    else
      putchar(c);
  }
  putchar('"');
}

/* Field 22 of /proc/self/stat, counted behind the last ')': the name in field 2 may hold anything. */
static unsigned long long start_ticks(void) {
  char line[1024] = "";
  FILE* stat = fopen("/proc/self/stat", "re");
  if (!stat) return 0;
  size_t length = fread(line, 1, sizeof line - 1, stat);
  fclose(stat);
  line[length] = 0;
  char* field = strrchr(line, ')');
  for (int number = 2; field && number < 22; number++) field = strchr(field + 1, ' ');
  return field ? strtoull(field + 1, NULL, 10) : 0;
}

/* What is known of this process before it acts, so that the line can be printed at once afterwards. */
struct self {
  int pid;
  int parent;
  unsigned long long start;
  char exe[PATH_MAX];
};

static struct self know_self(void) {
  struct self self = {.pid = getpid(), .parent = getppid(), .start = start_ticks()};
  ssize_t length = readlink("/proc/self/exe", self.exe, sizeof self.exe - 1);
  self.exe[length > 0 ? length : 0] = 0;
  return self;
}

static int print_truth(const struct self* self, const struct trigger* t, const char* path, struct outcome outcome) {
  printf("{\"pid\": %d, \"parent\": %d, \"start\": %llu, \"exe\": ", self->pid, self->parent, self->start);
  print_string(self->exe);
  printf(", \"op\": \"%s\", \"path\": ", t->name);
  print_string(path);
  printf(", \"result\": %d, \"error\": ", outcome.error);
  print_string(outcome.error ? strerror(outcome.error) : "");
  printf(", \"bytes\": %lld", outcome.bytes);
  if (outcome.error == EOPNOTSUPP || outcome.error == ENOSYS || outcome.error == ENOTTY) return status_unsupported;
  return outcome.error ? 1 : 0;
}

/* What the made process sends to the one that waits: it ends the moment its operation is done. */
struct message {
  struct self self;
  int forker;
  struct outcome outcome;
  long long lived_us;
};

static long long now_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Its life after the fork is the operation and one write(2) into a pipe: well under a millisecond, too short for anyone
 * to read its /proc. */
static _Noreturn void act(int end, int forker, const struct trigger* t, const char* path, const char* other) {
  static struct message message;
  const long long born = now_us();
  message.self = know_self();
  message.forker = forker;
  message.outcome = t->run(path, other);
  message.lived_us = now_us() - born;
  _exit(write(end, &message, sizeof message) != sizeof message);
}

/* Parent -> child (ends at once) -> grandchild (acts and ends, its parent gone). */
static int make_grandchild(int end, const struct trigger* t, const char* path, const char* other) {
  pid_t child = fork();
  if (child < 0) return -1;
  if (child == 0) {
    int forker = getpid();
    if (fork() == 0) act(end, forker, t, path, other);
    _exit(0);
  }
  return waitpid(child, NULL, 0) == child ? 0 : -1;
}

/* A child of this process's own parent. By the system call: clone(3) wants a stack, which is for threads. */
static int make_sibling(int end, const struct trigger* t, const char* path, const char* other) {
  int forker = getpid();
  long made = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, NULL);
  if (made == 0) act(end, forker, t, path, other);
  return made < 0 ? -1 : 0;
}

static int by_another(int (*make)(int, const struct trigger*, const char*, const char*), const struct trigger* t,
                      const char* path, const char* other) {
  static struct message message;
  int ends[2];
  if (pipe(ends) || make(ends[1], t, path, other)) {
    perror("plumb-testprog: cannot make the process");
    return 1;
  }
  close(ends[1]);
  size_t got = 0;
  for (ssize_t n; got < sizeof message && (n = read(ends[0], (char*)&message + got, sizeof message - got)) > 0;)
    got += (size_t)n;
  if (got != sizeof message) return 1;
  int status = print_truth(&message.self, t, path, message.outcome);
  printf(", \"forker\": %d, \"lived_us\": %lld}\n", message.forker, message.lived_us);
  return status;
}

int main(int argc, char** argv) {
  if (argc == 2 && !strcmp(argv[1], "--list")) {
    list();
    return 0;
  }
  int grandchild = argc > 1 && !strcmp(argv[1], "grandchild"), sibling = argc > 1 && !strcmp(argv[1], "sibling");
  argv += grandchild + sibling;
  argc -= grandchild + sibling;
  const struct trigger* t = argc > 1 ? find(argv[1]) : NULL;
  if (!t || argc != 2 + t->paths) {
    fprintf(stderr, "usage: plumb-testprog [grandchild|sibling] TRIGGER PATH [OTHER]\n       plumb-testprog --list\n");
    return status_usage;
  }
  const char *path = argv[2], *other = t->paths == 2 ? argv[3] : NULL;
  if (grandchild) return by_another(make_grandchild, t, path, other);
  if (sibling) return by_another(make_sibling, t, path, other);
  struct self self = know_self();
  int status = print_truth(&self, t, path, t->run(path, other));
  puts("}");
  return status;
}
