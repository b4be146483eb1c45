/* One behaviour per subcommand; every one changes a file in its own way and prints what it did. */
#ifndef PLUMB_TESTPROG_H
#define PLUMB_TESTPROG_H

#define _GNU_SOURCE
#include <stddef.h>

/* What a trigger tells the test: the truth that the agent's finding is compared with. */
struct outcome {
  int error;       /* 0, or the errno of the operation */
  long long bytes; /* bytes written, where that means something */
};

/* A trigger changes `path`; `other` is the second path of rename, link and copy, NULL for the rest. */
typedef struct outcome (*trigger_fn)(const char* path, const char* other);

struct trigger {
  const char* name;
  trigger_fn run;
  int paths; /* 1 or 2 arguments */
  const char* does;
};

/* The bytes that every content-changing trigger leaves at the start of the file. */
extern const char payload[];
size_t payload_size(void);

struct outcome failed(void); /* {errno, 0} */
struct outcome wrote(long long bytes);

extern const struct trigger plain_triggers[]; /* plain.c: ordinary system calls */
extern const struct trigger copy_triggers[];  /* copy.c: data that moves inside the kernel */
extern const struct trigger async_triggers[]; /* async.c: io_uring, kernel aio */

#endif
