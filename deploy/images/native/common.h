#ifndef DESKHAND_COMMON_H
#define DESKHAND_COMMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define RUNNER_SOCKET "/run/runner.sock"
#define PRIVATE_FOLDER "/run/sandboxd"
/* Owned by the desktop's user and closed to the tools; sandboxd may enter. */
#define DESKTOP_FOLDER "/run/desktop"
#define SESSION_SOCKET DESKTOP_FOLDER "/session.sock"

/*
 * Frames between sandboxd and the tools' side, on RUNNER_SOCKET, and the desktop's, on SESSION_SOCKET. Each is a big-endian u32 with the length of what
 * follows, one type byte and the payload. packages/sandboxd/src/native-wire.ts is the other half.
 */
enum frame_type {
  /* to sandboxd */
  FRAME_RUNNER = 'R',       /* one-use secret: this connection is the tool runner */
  FRAME_HOLDER = 'H',       /* call token: this connection holds that call */
  FRAME_OUTPUT = 'O',       /* bytes of the call's standard output and error */
  FRAME_EXITED = 'X',       /* i32 exit code (-1 for none), i32 signal (0 for none) of the main process */
  FRAME_NOT_STARTED = 'E',  /* u32 errno, u8 stage: 'd' working directory, 'e' program, 'f' no new process */
  FRAME_GONE = 'G',         /* no process of the call is left */
  FRAME_FORK_FAILED = 'F',  /* from the runner: u32 errno, call token */
  FRAME_HOLDER_DIED = 'D',  /* from the runner: call token; what it held has been killed */
  /* from sandboxd */
  FRAME_START = 'S',        /* to the runner: see struct start in runner.c */
  FRAME_KILL = 'K',         /* to a holder */
  /* to the desktop's session, or from the tools to sandboxd (then without the id) */
  FRAME_OPEN = 'L',         /* u32 id, then the folder and the arguments, each with a NUL behind it */
  /* the answer */
  FRAME_OPENED = 'A',       /* u32 id (not to the tools), u8 whether it was done, what is wrong otherwise */
  /* from the desktop's session */
  FRAME_UP = 'U',           /* u32 how often the screen has come up: it is up */
  FRAME_DOWN = 'W',         /* the screen is gone and comes back */
  FRAME_PROGRAM_ENDED = 'P', /* i32 exit code (-1 for none), i32 signal (0 for none), name */
};

#define FRAME_HEADER 5
#define FRAME_MAXIMUM (4u << 20)

uint32_t get_u32(const uint8_t *from);
void put_u32(uint8_t *to, uint32_t value);

int64_t monotonic_milliseconds(void);

/* Whole reads and writes on a blocking descriptor; false at the end or on an error. */
bool read_all(int descriptor, void *to, size_t length);
bool write_all(int descriptor, const void *from, size_t length);
bool send_frame(int descriptor, uint8_t type, const void *payload, size_t length);

/* A connected, close-on-exec socket, or -1. */
int connect_unix(const char *path);

/* Everything until the end of a descriptor, with a NUL behind it; NULL when it is longer than the limit or fails. */
char *slurp(int descriptor, size_t limit, size_t *length);

/* Stops all descendants of `root` until none is new, so that none can fork away, then kills them. */
void kill_descendants(pid_t root);
/* The same for those descendants of `root` that are neither among `keep` nor below one of them. */
void kill_orphans(pid_t root, const pid_t *keep, int kept);

int init_main(int count, char **arguments);
int runner_main(int count, char **arguments);
int bridge_main(int count, char **arguments);
int file_main(int count, char **arguments);
int kill_main(int count, char **arguments);
int health_main(int count, char **arguments);
int desktop_main(int count, char **arguments);
int open_main(int count, char **arguments);

/* The life of one call, in a process of its own. Does not return. `start` is a whole FRAME_START payload. */
_Noreturn void hold_call(const uint8_t *start, size_t length);

#endif
