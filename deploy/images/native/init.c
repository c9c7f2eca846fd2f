#define _GNU_SOURCE
#include "common.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char *const daemon_arguments[] = {"sandboxd", "--max-old-space-size=192", "--no-warnings", "/opt/deskhand/sandboxd.mjs", NULL};
static char *const daemon_environment[] = {"PATH=/usr/bin:/bin", "HOME=/run/sandboxd", "LANG=C.UTF-8", NULL};

static pid_t start_daemon(void) {
  pid_t pid = fork();
  if (pid != 0) return pid;
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  umask(077);
  execve("/opt/node/bin/node", daemon_arguments, daemon_environment);
  _exit(127);
}

/*
 * Programs look for their screen under an abstract name first, which the first to ask gets, whoever that is. Held here
 * without a listener, so that no tool can play the screen for them.
 */
static void hold_screen_name(void) {
  static const char name[] = "/tmp/.X11-unix/X1";
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  memcpy(address.sun_path + 1, name, sizeof name - 1);
  int held = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (held >= 0 && bind(held, (struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + sizeof name)) != 0) close(held);
}

/*
 * Process 1 of the computer: reaps whatever is orphaned, and keeps sandboxd running. It ends when the container is
 * stopped, and the kernel ends everything else with it.
 */
int init_main(int count, char **arguments) {
  (void)count;
  (void)arguments;
  prctl(PR_SET_DUMPABLE, 0);
  mkdir(PRIVATE_FOLDER, 0700);
  hold_screen_name();
  sigset_t watched;
  sigemptyset(&watched);
  sigaddset(&watched, SIGCHLD);
  sigaddset(&watched, SIGTERM);
  sigaddset(&watched, SIGINT);
  sigprocmask(SIG_BLOCK, &watched, NULL);

  int64_t pause = 0, started = monotonic_milliseconds(), start_at = 0;
  pid_t daemon_pid = start_daemon();
  for (;;) {
    for (pid_t pid; (pid = waitpid(-1, NULL, WNOHANG)) > 0;) {
      if (pid != daemon_pid) continue;
      daemon_pid = -1;
      /* One that lived a while is started again at once; one that dies at its start, ever more slowly. */
      pause = monotonic_milliseconds() - started > 10000 ? 0 : pause == 0 ? 50 : pause * 2 > 5000 ? 5000 : pause * 2;
      start_at = monotonic_milliseconds() + pause;
      fprintf(stderr, "sandboxd ended; starting it again in %lld ms\n", (long long)pause);
    }
    if (daemon_pid < 0 && monotonic_milliseconds() >= start_at) {
      started = monotonic_milliseconds();
      daemon_pid = start_daemon();
      if (daemon_pid < 0) start_at = monotonic_milliseconds() + 200;
    }
    int64_t wait = daemon_pid < 0 ? start_at - monotonic_milliseconds() : 3600000;
    if (wait < 1) wait = 1;
    struct timespec limit = {.tv_sec = wait / 1000, .tv_nsec = wait % 1000 * 1000000};
    int signal = sigtimedwait(&watched, NULL, &limit);
    if (signal == SIGTERM || signal == SIGINT) return 0;
  }
}
