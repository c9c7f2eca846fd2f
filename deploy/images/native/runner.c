#define _GNU_SOURCE
#include "common.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECRET_LENGTH 64
#define TOKEN_MAXIMUM 64
#define HOLDERS 4096

/* Calls that are held, so that a holder that died without a word can be told from one that is done. */
static struct held {
  pid_t pid;
  char token[TOKEN_MAXIMUM + 1];
} holders[HOLDERS];

static void report(int connection, uint8_t type, uint32_t error, const char *token) {
  uint8_t payload[4 + TOKEN_MAXIMUM];
  size_t length = strlen(token), at = 0;
  if (type == FRAME_FORK_FAILED) {
    put_u32(payload, error);
    at = 4;
  }
  memcpy(payload + at, token, length);
  if (!send_frame(connection, type, payload, at + length)) _exit(1);
}

static void start_holder(int connection, const uint8_t *payload, size_t length) {
  uint32_t token_length = length >= 4 ? get_u32(payload) : 0;
  if (token_length == 0 || token_length > TOKEN_MAXIMUM || token_length + 4 > length) return;
  struct held *slot = holders;
  while (slot < holders + HOLDERS && slot->pid != 0) slot++;
  char token[TOKEN_MAXIMUM + 1] = {0};
  memcpy(token, payload + 4, token_length);
  pid_t pid = slot < holders + HOLDERS ? fork() : (errno = EAGAIN, -1);
  if (pid == 0) {
    close(connection);
    hold_call(payload, length);
  }
  if (pid < 0) {
    report(connection, FRAME_FORK_FAILED, (uint32_t)errno, token);
    return;
  }
  slot->pid = pid;
  memcpy(slot->token, token, sizeof token);
}

/*
 * A holder that a signal ended was killed by a tool, or by the kernel for want of memory. What it held has become our
 * own: everything below us that no other holder holds is killed.
 */
static void reap(int connection) {
  int status;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
    for (struct held *slot = holders; slot < holders + HOLDERS; slot++) {
      if (slot->pid != pid) continue;
      slot->pid = 0;
      if (!WIFSIGNALED(status)) break;
      pid_t keep[HOLDERS];
      int kept = 0;
      for (struct held *other = holders; other < holders + HOLDERS; other++) {
        if (other->pid != 0) keep[kept++] = other->pid;
      }
      kill_orphans(getpid(), keep, kept);
      report(connection, FRAME_HOLDER_DIED, 0, slot->token);
      break;
    }
  }
}

/*
 * deskhand-runner: reads a one-use secret from its standard input, shows it to sandboxd, and from then on starts the
 * calls that sandboxd orders. It shares the tools' uid and is closed to them: not dumpable, nothing of use in its
 * arguments or environment. It does not mind the end of its standard input: whoever started it may be gone.
 */
int runner_main(int count, char **arguments) {
  (void)count;
  (void)arguments;
  prctl(PR_SET_DUMPABLE, 0);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  char secret[SECRET_LENGTH];
  if (!read_all(0, secret, sizeof secret)) return 2;
  int connection = connect_unix(RUNNER_SOCKET);
  if (connection < 0) return 3;
  bool sent = send_frame(connection, FRAME_RUNNER, secret, sizeof secret);
  explicit_bzero(secret, sizeof secret);
  if (!sent) return 4;

  signal(SIGPIPE, SIG_IGN);
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  sigprocmask(SIG_BLOCK, &child, NULL);
  int children = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);

  for (;;) {
    struct pollfd polled[] = {{.fd = connection, .events = POLLIN}, {.fd = children, .events = POLLIN}};
    if (poll(polled, 2, -1) < 0) continue;
    if (polled[1].revents != 0) {
      struct signalfd_siginfo information;
      while (read(children, &information, sizeof information) > 0) continue;
      reap(connection);
    }
    if (polled[0].revents == 0) continue;
    uint8_t header[FRAME_HEADER];
    /* Without sandboxd there is nothing to do; the calls that are held find it again by themselves. */
    if (!read_all(connection, header, sizeof header)) return 0;
    uint32_t length = get_u32(header);
    if (length < 1 || length > FRAME_MAXIMUM) return 5;
    uint8_t *payload = malloc(length);
    if (payload == NULL || !read_all(connection, payload, length - 1)) return 6;
    if (header[4] == FRAME_START) start_holder(connection, payload, length - 1);
    free(payload);
  }
}
