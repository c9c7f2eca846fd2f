#define _GNU_SOURCE
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define SILENT_SECONDS 5

struct flow {
  int from, to;
  uint8_t bytes[65536];
  size_t start, end;
};

/* Moves what can be moved without waiting; false at the end of the source or on an error. */
static bool move(struct flow *flow, bool readable, bool *got) {
  if (readable && flow->start == flow->end) {
    ssize_t length = read(flow->from, flow->bytes, sizeof flow->bytes);
    if (length == 0 || (length < 0 && errno != EAGAIN && errno != EINTR)) return false;
    flow->start = 0;
    flow->end = length > 0 ? (size_t)length : 0;
    if (length > 0 && got != NULL) *got = true;
  }
  while (flow->start < flow->end) {
    ssize_t length = write(flow->to, flow->bytes + flow->start, flow->end - flow->start);
    if (length < 0 && errno == EAGAIN) return true;
    if (length < 0 && errno != EINTR) return false;
    if (length > 0) flow->start += (size_t)length;
  }
  return true;
}

/*
 * deskhand-bridge control|display|bulk: joins its standard input and output to a socket of sandboxd. Ends when either
 * side ends, and when nothing came in for five seconds: the other end may be gone without a word. Seconds in which the
 * computer was paused do not count.
 */
int bridge_main(int count, char **arguments) {
  static struct flow in, out;
  const char *name = count > 1 ? arguments[1] : "";
  if (strcmp(name, "control") != 0 && strcmp(name, "display") != 0 && strcmp(name, "bulk") != 0) return 2;
  prctl(PR_SET_DUMPABLE, 0);
  char path[64];
  snprintf(path, sizeof path, PRIVATE_FOLDER "/%s.sock", name);
  /* A new computer's daemon is not there at once. */
  int socket;
  for (int attempt = 0; (socket = connect_unix(path)) < 0; attempt++) {
    if (attempt == 1000) return 3;
    poll(NULL, 0, 5);
  }
  for (int descriptor = 0; descriptor < 2; descriptor++) fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK);
  fcntl(socket, F_SETFL, O_NONBLOCK);
  in.from = 0, in.to = socket, out.from = socket, out.to = 1;

  int64_t second = monotonic_milliseconds();
  for (int silent = 0; silent < SILENT_SECONDS;) {
    /* However long it took, it counts once: a paused computer wakes with its streams. */
    if (monotonic_milliseconds() - second >= 1000) {
      silent++;
      second = monotonic_milliseconds();
    }
    bool in_waits = in.start < in.end, out_waits = out.start < out.end;
    struct pollfd polled[] = {
        {.fd = 0, .events = in_waits ? 0 : POLLIN},
        {.fd = socket, .events = (short)((out_waits ? 0 : POLLIN) | (in_waits ? POLLOUT : 0))},
        {.fd = out_waits ? 1 : -1, .events = POLLOUT},
    };
    int ready = poll(polled, 3, 250);
    if (ready < 0 && errno != EINTR) return 1;
    if (ready <= 0) continue;
    bool heard = false;
    if (!move(&in, polled[0].revents != 0, &heard)) return 0;
    if (!move(&out, (polled[1].revents & (POLLIN | POLLHUP | POLLERR)) != 0, NULL)) return 0;
    if (heard) silent = 0;
  }
  return 4;
}

/* deskhand-health: 0 when sandboxd answers a new control connection within three seconds. */
int health_main(int count, char **arguments) {
  (void)count;
  (void)arguments;
  int socket = connect_unix(PRIVATE_FOLDER "/control.sock");
  if (socket < 0) return 1;
  struct pollfd polled = {.fd = socket, .events = POLLIN};
  uint8_t byte;
  return poll(&polled, 1, 3000) == 1 && read(socket, &byte, 1) == 1 ? 0 : 1;
}
