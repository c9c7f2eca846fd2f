#define _GNU_SOURCE
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUTPUT_ROOM 65536
#define RECONNECT_MILLISECONDS 15000
/* How long the end of a call waits for processes that were killed with it: until then they count for the computer's limit. */
#define DYING_MILLISECONDS 700
/* The kernel ends tools first when memory is short, and sandboxd and holders get the processor before them. */
#define TOOL_OOM_SCORE "800"
#define TOOL_NICENESS 10

struct start {
  char *token, *folder, **arguments, **environment;
  const uint8_t *input;
  size_t input_length;
  bool has_input, kill_descendants;
};

struct cursor {
  const uint8_t *at, *end;
  bool bad;
};

static uint32_t take_u32(struct cursor *cursor) {
  if (cursor->end - cursor->at < 4) {
    cursor->bad = true;
    return 0;
  }
  cursor->at += 4;
  return get_u32(cursor->at - 4);
}

static char *take_text(struct cursor *cursor) {
  uint32_t length = take_u32(cursor);
  if (cursor->bad || length > (size_t)(cursor->end - cursor->at)) {
    cursor->bad = true;
    return NULL;
  }
  cursor->at += length;
  return strndup((const char *)cursor->at - length, length);
}

static char **take_list(struct cursor *cursor) {
  uint32_t count = take_u32(cursor);
  if (cursor->bad || count > 65536) {
    cursor->bad = true;
    return NULL;
  }
  char **list = calloc(count + 1, sizeof *list);
  for (uint32_t index = 0; list != NULL && index < count; index++) list[index] = take_text(cursor);
  return list;
}

/* The layout of FRAME_START: token, folder, arguments, environment, u8 flags (1: kill descendants, 2: has input), input. */
static bool parse_start(const uint8_t *payload, size_t length, struct start *start) {
  struct cursor cursor = {.at = payload, .end = payload + length};
  start->token = take_text(&cursor);
  start->folder = take_text(&cursor);
  start->arguments = take_list(&cursor);
  start->environment = take_list(&cursor);
  if (cursor.bad || cursor.at == cursor.end || start->arguments[0] == NULL) return false;
  uint8_t flags = *cursor.at++;
  start->kill_descendants = flags & 1;
  start->has_input = flags & 2;
  start->input = cursor.at;
  start->input_length = (size_t)(cursor.end - cursor.at);
  return true;
}

/* In the new process: becomes the tool. What fails is told through `failure`, which closes by itself on success. */
static _Noreturn void become_tool(const struct start *start, int input, int output, int failure) {
  dup2(input, 0);
  dup2(output, 1);
  dup2(output, 2);
  if (failure != 3) dup3(failure, 3, O_CLOEXEC);
  close_range(4, ~0u, 0);
  setsid();
  umask(002);
  signal(SIGPIPE, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  setpriority(PRIO_PROCESS, 0, TOOL_NICENESS);
  /* Nothing of ours is open any more, so this process may be seen: its own /proc files are closed to it otherwise. */
  prctl(PR_SET_DUMPABLE, 1);
  int score = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (score >= 0) {
    if (write(score, TOOL_OOM_SCORE, strlen(TOOL_OOM_SCORE)) < 0) score = -1;
    if (score >= 0) close(score);
  }
  uint8_t problem[5] = {0};
  if (chdir(start->folder) != 0) {
    problem[4] = 'd';
  } else {
    environ = start->environment;
    execvp(start->arguments[0], start->arguments);
    problem[4] = 'e';
  }
  put_u32(problem, (uint32_t)errno);
  write_all(3, problem, sizeof problem);
  _exit(127);
}

/* Output on its way to sandboxd; the tool's pipe is read only while this is empty, so a slow reader slows the tool. */
static struct {
  int connection;
  uint8_t bytes[FRAME_HEADER + OUTPUT_ROOM + 64];
  size_t start, end;
} link_;

static void queue_frame(uint8_t type, const void *payload, size_t length) {
  if (link_.start == link_.end) link_.start = link_.end = 0;
  if (link_.end + FRAME_HEADER + length > sizeof link_.bytes) return;
  put_u32(link_.bytes + link_.end, (uint32_t)(length + 1));
  link_.bytes[link_.end + 4] = type;
  if (length > 0) memcpy(link_.bytes + link_.end + FRAME_HEADER, payload, length);
  link_.end += FRAME_HEADER + length;
}

/* Sends what it can; false when the connection is broken. */
static bool flush_frames(bool whole) {
  while (link_.start < link_.end) {
    ssize_t put = write(link_.connection, link_.bytes + link_.start, link_.end - link_.start);
    if (put > 0) link_.start += (size_t)put;
    else if (errno == EAGAIN && !whole) return true;
    else if (errno == EAGAIN) poll(&(struct pollfd){.fd = link_.connection, .events = POLLOUT}, 1, 1000);
    else if (errno != EINTR) return false;
  }
  return true;
}

static bool connect_link(const char *token) {
  link_.connection = connect_unix(RUNNER_SOCKET);
  if (link_.connection < 0) return false;
  if (!send_frame(link_.connection, FRAME_HOLDER, token, strlen(token))) return false;
  fcntl(link_.connection, F_SETFL, O_NONBLOCK);
  return true;
}

/* sandboxd died: its successor knows the token. A frame that was cut goes again, whole ones do not. */
static void reconnect(const char *token) {
  close(link_.connection);
  size_t whole = 0;
  while (whole < link_.end && whole + 4 + get_u32(link_.bytes + whole) <= link_.start) whole += 4 + get_u32(link_.bytes + whole);
  link_.start = whole;
  for (int64_t limit = monotonic_milliseconds() + RECONNECT_MILLISECONDS; monotonic_milliseconds() < limit;) {
    poll(NULL, 0, 50);
    if (connect_link(token)) return;
  }
  kill_descendants(getpid());
  _exit(0);
}

/* Reads waiting output into a frame: at most `most` bytes. Returns how many, 0 at the end, -1 when none waits. */
static ssize_t queue_output(int pipe_end, size_t most) {
  static uint8_t bytes[OUTPUT_ROOM];
  ssize_t length = read(pipe_end, bytes, most < sizeof bytes ? most : sizeof bytes);
  if (length > 0) queue_frame(FRAME_OUTPUT, bytes, (size_t)length);
  return length;
}

static void drain_output(int pipe_end, const char *token) {
  int waiting = 0;
  /* What a background process goes on writing is not part of the call: only what is there now. */
  if (pipe_end < 0 || ioctl(pipe_end, FIONREAD, &waiting) != 0) return;
  while (waiting > 0) {
    while (!flush_frames(true)) reconnect(token);
    ssize_t length = queue_output(pipe_end, (size_t)waiting);
    if (length <= 0) return;
    waiting -= (int)length;
  }
}

static void queue_exit(int status) {
  uint8_t payload[8];
  put_u32(payload, WIFEXITED(status) ? (uint32_t)WEXITSTATUS(status) : UINT32_MAX);
  put_u32(payload + 4, WIFSIGNALED(status) ? (uint32_t)WTERMSIG(status) : 0);
  queue_frame(FRAME_EXITED, payload, sizeof payload);
}

static _Noreturn void finish(const char *token) {
  queue_frame(FRAME_GONE, NULL, 0);
  while (!flush_frames(true)) reconnect(token);
  _exit(0);
}

static _Noreturn void not_started(const char *token, uint32_t error, uint8_t stage) {
  uint8_t payload[5] = {[4] = stage};
  put_u32(payload, error);
  queue_frame(FRAME_NOT_STARTED, payload, sizeof payload);
  finish(token);
}

/* Gives as much of the input as the tool takes now; closes it behind the last byte. */
static void feed(struct start *start, int *input) {
  while (start->input_length > 0) {
    ssize_t put = write(*input, start->input, start->input_length);
    if (put < 0 && errno == EAGAIN) return;
    if (put <= 0) break;
    start->input += put;
    start->input_length -= (size_t)put;
  }
  close(*input);
  *input = -1;
}

_Noreturn void hold_call(const uint8_t *payload, size_t length) {
  struct start start;
  close_range(3, ~0u, 0);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  if (!parse_start(payload, length, &start) || !connect_link(start.token)) _exit(1);
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  int children = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);

  int output[2], input[2] = {-1, -1}, failure[2];
  if (pipe2(output, O_CLOEXEC) != 0 || pipe2(failure, O_CLOEXEC) != 0) not_started(start.token, (uint32_t)errno, 'f');
  if (start.has_input && pipe2(input, O_CLOEXEC) != 0) not_started(start.token, (uint32_t)errno, 'f');
  if (!start.has_input) input[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
  pid_t main_process = fork();
  if (main_process == 0) become_tool(&start, input[0], output[1], failure[1]);
  if (main_process < 0) not_started(start.token, (uint32_t)errno, 'f');
  close(input[0]);
  close(output[1]);
  close(failure[1]);
  uint8_t problem[5];
  if (read_all(failure[0], problem, sizeof problem)) not_started(start.token, get_u32(problem), problem[4]);
  close(failure[0]);
  fcntl(output[0], F_SETFL, O_NONBLOCK);
  int to_tool = input[1];
  if (to_tool >= 0) fcntl(to_tool, F_SETFL, O_NONBLOCK);

  bool exited = false, killing = false, told = false;
  int main_status = 0;
  int64_t told_by = 0;
  for (;;) {
    bool waits = link_.start < link_.end;
    struct pollfd polled[] = {
        {.fd = link_.connection, .events = (short)(POLLIN | (waits ? POLLOUT : 0))},
        {.fd = children, .events = POLLIN},
        /* After the main process only what its descendants write is left, which is read and dropped. */
        {.fd = exited || !waits ? output[0] : -1, .events = POLLIN},
        {.fd = to_tool, .events = POLLOUT},
    };
    if (poll(polled, 4, killing ? 5 : -1) < 0) continue;

    if (polled[3].revents != 0) feed(&start, &to_tool);
    if (polled[2].revents != 0) {
      uint8_t dropped[4096];
      ssize_t got = exited ? read(output[0], dropped, sizeof dropped) : queue_output(output[0], OUTPUT_ROOM);
      if (got == 0) {
        close(output[0]);
        output[0] = -1;
      }
    }
    if (polled[0].revents & (POLLIN | POLLHUP | POLLERR)) {
      uint8_t frame[FRAME_HEADER];
      ssize_t got = read(link_.connection, frame, sizeof frame);
      if (got == FRAME_HEADER && frame[4] == FRAME_KILL) killing = true;
      else if (got >= 0 || errno != EAGAIN) reconnect(start.token);
    }
    if (polled[1].revents != 0) {
      struct signalfd_siginfo information;
      while (read(children, &information, sizeof information) > 0) continue;
    }
    if (killing) kill_descendants(getpid());
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
      if (pid != main_process) continue;
      if (start.kill_descendants) {
        killing = true;
        kill_descendants(getpid());
      }
      drain_output(output[0], start.token);
      exited = true;
      main_status = status;
      told_by = monotonic_milliseconds() + DYING_MILLISECONDS;
    }
    bool empty = pid < 0 && errno == ECHILD;
    if (exited && !told && (!killing || empty || monotonic_milliseconds() >= told_by)) {
      told = true;
      while (!flush_frames(true)) reconnect(start.token);
      queue_exit(main_status);
    }
    if (empty) finish(start.token);
    if (!flush_frames(false)) reconnect(start.token);
  }
}
