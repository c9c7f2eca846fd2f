#define _GNU_SOURCE
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define X_SOCKETS "/tmp/.X11-unix"
#define X_SOCKET X_SOCKETS "/X1"
#define X_LOCK "/tmp/.X1-lock"
#define RFB_SOCKET DESKTOP_FOLDER "/rfb.sock"
#define COOKIES DESKTOP_FOLDER "/xauthority"
#define OWN_HOME "/home/agent/.desktop"
#define RUNTIME DESKTOP_FOLDER "/runtime"

#define CLIENTS 16
#define PROGRAMS 64
#define ARGUMENTS 64
#define STEADY_MILLISECONDS 10000
#define LONGEST_PAUSE 5000
/* The kernel ends programs before the screen they are on. */
#define PROGRAM_OOM_SCORE "500"

static char *const environment[] = {
    "DISPLAY=:1", "XAUTHORITY=" COOKIES, "HOME=/home/agent", "USER=desktop", "LOGNAME=desktop", "SHELL=/bin/bash", "LANG=C.UTF-8",
    /* What the tools may write comes last. */
    "PATH=/usr/local/bin:/usr/bin:/bin:/home/agent/.local/bin",
    "XDG_CONFIG_HOME=" OWN_HOME "/config", "XDG_CACHE_HOME=" OWN_HOME "/cache", "XDG_DATA_HOME=" OWN_HOME "/data", "XDG_RUNTIME_DIR=" RUNTIME,
    "XENVIRONMENT=/etc/deskhand/xresources", "GSETTINGS_BACKEND=memory", "NO_AT_BRIDGE=1", "DBUS_SESSION_BUS_ADDRESS=unix:path=" RUNTIME "/no-bus", NULL,
};

/*
 * No TCP, no abstract socket, and no new start when its last program ends. Without XTEST and RECORD no program can press keys for a person or listen to them; every
 * click comes through RFB_SOCKET, whose other end decides who may. Without RANDR the size stays what models were told.
 */
static char *const screen[] = {
    "/usr/bin/Xvnc", ":1", "-geometry", "1280x800", "-depth", "24", "-SecurityTypes", "None", "-rfbport", "-1", "-rfbunixpath", RFB_SOCKET, "-rfbunixmode", "0666",
    "-AlwaysShared", "-AcceptSetDesktopSize=0", "-nolisten", "tcp", "-nolisten", "local", "-auth", COOKIES, "-extension", "XTEST", "-extension", "RECORD", "-extension", "RANDR",
    /* Text that is only marked is nobody's clipboard. */
    "-SendPrimary=0", "-noreset", "-displayfd", "3", NULL,
};
static char *const manager[] = {"/usr/bin/openbox", "--sm-disable", "--config-file", "/etc/deskhand/openbox.xml", NULL};
static char *const panel[] = {"/usr/bin/tint2", "-c", "/etc/deskhand/tint2rc", NULL};
static char *const background[] = {"/usr/bin/hsetroot", "-solid", "#33506e", NULL};
/* As on any American keyboard, and with the letters of western Europe on a third level: who types them needs no key lent, which programs notice late. */
static char *const keyboard[] = {"/usr/bin/setxkbmap", "us", "altgr-intl", NULL};

/* What is started again whenever it ends; all but the first need the screen. */
static struct kept {
  const char *name;
  char *const *arguments;
  pid_t pid;
  int64_t started, start_at, pause;
} kept[] = {{.name = "the screen", .arguments = screen}, {.name = "openbox", .arguments = manager}, {.name = "tint2", .arguments = panel}};
#define KEPT (int)(sizeof kept / sizeof *kept)

static struct program {
  pid_t pid;
  char name[64];
} programs[PROGRAMS];

static int clients[CLIENTS];
static int readiness = -1;
static bool up;
static uint32_t starts;

static void drop_client(int index) {
  close(clients[index]);
  clients[index] = -1;
}

/* A client that does not read is dropped: it can ask again. */
static void send_to(int index, uint8_t type, const void *payload, size_t length) {
  if (clients[index] >= 0 && !send_frame(clients[index], type, payload, length)) drop_client(index);
}

static void tell(uint8_t type, const void *payload, size_t length) {
  for (int index = 0; index < CLIENTS; index++) send_to(index, type, payload, length);
}

static void tell_up(int index) {
  uint8_t payload[4];
  put_u32(payload, starts);
  if (index < 0) tell(FRAME_UP, payload, sizeof payload);
  else send_to(index, FRAME_UP, payload, sizeof payload);
}

static void answer(int index, uint32_t id, const char *problem) {
  uint8_t payload[5 + 200];
  size_t length = problem == NULL ? 0 : strnlen(problem, 200);
  put_u32(payload, id);
  payload[4] = problem == NULL;
  memcpy(payload + 5, problem == NULL ? "" : problem, length);
  send_to(index, FRAME_OPENED, payload, 5 + length);
}

/* A new process of the desktop, with nothing of ours but `extra` as its descriptor 3 (kept over exec when asked). */
static pid_t begin(bool dies_with_us) {
  pid_t pid = fork();
  if (pid != 0) return pid;
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  signal(SIGPIPE, SIG_DFL);
  setsid();
  if (dies_with_us) prctl(PR_SET_PDEATHSIG, SIGKILL);
  int nothing = open("/dev/null", O_RDWR);
  for (int descriptor = 0; descriptor < 3; descriptor++) dup2(nothing, descriptor);
  return 0;
}

/* The key of the screen, new with every start of this program: for any host name, display 1. */
static bool write_cookie(void) {
  static const char name[] = "MIT-MAGIC-COOKIE-1";
  uint8_t entry[64] = {0xff, 0xff, 0, 0, 0, 1, '1', 0, sizeof name - 1};
  size_t length = 9;
  memcpy(entry + length, name, sizeof name - 1);
  length += sizeof name - 1;
  entry[length++] = 0;
  entry[length++] = 16;
  if (getrandom(entry + length, 16, 0) != 16) return false;
  length += 16;
  unlink(COOKIES);
  int file = open(COOKIES, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  bool written = file >= 0 && write_all(file, entry, length);
  close(file);
  return written;
}

static void start_screen(struct kept *one) {
  int ends[2];
  unlink(X_LOCK);
  unlink(X_SOCKET);
  unlink(RFB_SOCKET);
  if (pipe2(ends, O_CLOEXEC) != 0) return;
  one->pid = begin(true);
  if (one->pid == 0) {
    dup2(ends[1], 3);
    close_range(4, ~0u, 0);
    execve(one->arguments[0], one->arguments, environment);
    _exit(127);
  }
  close(ends[1]);
  close(readiness);
  readiness = ends[0];
}

static void start_kept(struct kept *one) {
  one->started = monotonic_milliseconds();
  if (one == kept) start_screen(one);
  else if ((one->pid = begin(true)) == 0) {
    close_range(3, ~0u, 0);
    execve(one->arguments[0], one->arguments, environment);
    _exit(127);
  }
  if (one->pid > 0) return;
  one->pid = 0;
  one->start_at = monotonic_milliseconds() + 200;
}

static void run_once(char *const *arguments) {
  if (begin(false) != 0) return;
  close_range(3, ~0u, 0);
  execve(arguments[0], arguments, environment);
  _exit(127);
}

static void screen_is_up(void) {
  /* The server opens this folder to everybody; its cookie would still keep the tools out, this keeps them from its name. */
  chmod(X_SOCKETS, 0750);
  up = true;
  starts++;
  run_once(keyboard);
  run_once(background);
  for (int index = 1; index < KEPT; index++) kept[index].start_at = 0;
  tell_up(-1);
}

static void screen_is_down(void) {
  close(readiness);
  readiness = -1;
  if (!up) return;
  up = false;
  tell(FRAME_DOWN, NULL, 0);
}

static void tell_ended(const char *name, int status) {
  uint8_t payload[8 + 64];
  size_t length = strnlen(name, 64);
  put_u32(payload, WIFEXITED(status) ? (uint32_t)WEXITSTATUS(status) : UINT32_MAX);
  put_u32(payload + 4, WIFSIGNALED(status) ? (uint32_t)WTERMSIG(status) : 0);
  memcpy(payload + 8, name, length);
  tell(FRAME_PROGRAM_ENDED, payload, 8 + length);
}

static void ended(pid_t pid, int status) {
  for (struct kept *one = kept; one < kept + KEPT; one++) {
    if (one->pid != pid) continue;
    one->pid = 0;
    /* One that lived a while is started again at once; one that dies at its start, ever more slowly. */
    bool steady = monotonic_milliseconds() - one->started > STEADY_MILLISECONDS;
    one->pause = steady ? 0 : one->pause == 0 ? 50 : one->pause * 2 > LONGEST_PAUSE ? LONGEST_PAUSE : one->pause * 2;
    one->start_at = monotonic_milliseconds() + one->pause;
    if (one == kept) screen_is_down();
    /* Those that need the screen end with it: not worth a word. */
    else if (up) tell_ended(one->name, status);
    return;
  }
  for (struct program *one = programs; one < programs + PROGRAMS; one++) {
    if (one->pid != pid) continue;
    one->pid = 0;
    tell_ended(one->name, status);
  }
}

static bool has_ending(const char *text, const char *list) {
  const char *dot = strrchr(text, '.');
  if (dot == NULL || strlen(dot) > 6) return false;
  char wanted[16];
  snprintf(wanted, sizeof wanted, "%s.", dot);
  for (char *at = wanted; *at != '\0'; at++) {
    if (*at >= 'A' && *at <= 'Z') *at = (char)(*at + 32);
  }
  return strstr(list, wanted) != NULL;
}

static bool is_address(const char *text) {
  static const char *const schemes[] = {"http://", "https://", "file:///", "about:"};
  for (size_t index = 0; index < sizeof schemes / sizeof *schemes; index++) {
    if (strncasecmp(text, schemes[index], strlen(schemes[index])) == 0) return true;
  }
  return false;
}

static const struct {
  const char *name, *program;
} known[] = {
    {"chromium", "/usr/bin/chromium"}, {"browser", "/usr/bin/chromium"}, {"terminal", "/usr/bin/xterm"}, {"xterm", "/usr/bin/xterm"},
    {"files", "/usr/bin/pcmanfm"},     {"editor", "/usr/bin/l3afpad"},
};

static const char *known_program(const char *name) {
  for (size_t index = 0; index < sizeof known / sizeof *known; index++) {
    if (strcmp(name, known[index].name) == 0) return known[index].program;
  }
  return NULL;
}

static const char *program_for(const char *path, bool folder) {
  if (folder) return known_program("files");
  return known_program(has_ending(path, ".html.htm.xhtml.pdf.svg.png.jpg.jpeg.gif.webp.mp4.webm.mp3.ogg.") ? "chromium" : "editor");
}

/* Puts what has to be started into `to`; what is wrong otherwise. An address or a file is opened, anything else is a program. */
static const char *plan(char **given, int count, char **to) {
  struct stat information;
  if (count == 0) return "Nothing was given to open";
  const char *known_one = known_program(given[0]);
  const char *opener = NULL;
  if (known_one == NULL && count == 1 && is_address(given[0])) opener = known_program("chromium");
  else if (known_one == NULL && count == 1 && stat(given[0], &information) == 0 && (S_ISDIR(information.st_mode) || access(given[0], X_OK) != 0)) {
    if (access(given[0], R_OK) != 0) return "The desktop's user may not read this file";
    opener = program_for(given[0], S_ISDIR(information.st_mode));
  }
  int at = 0;
  if (opener != NULL) {
    static char path[4096];
    to[at++] = (char *)opener;
    /* Whole, so that no name looks like an option. */
    if (!is_address(given[0]) && realpath(given[0], path) == NULL) return "This file cannot be found";
    to[at++] = is_address(given[0]) ? given[0] : path;
  } else {
    to[at++] = known_one != NULL ? (char *)known_one : given[0];
    for (int index = 1; index < count; index++) to[at++] = given[index];
  }
  to[at] = NULL;
  return NULL;
}

static const char *launch(char **given, int count, const char *folder) {
  if (!up) return "The desktop is starting; try again";
  struct program *slot = programs;
  while (slot < programs + PROGRAMS && slot->pid != 0) slot++;
  if (slot == programs + PROGRAMS) return "Too many programs are open on the desktop";
  int failure[2];
  if (pipe2(failure, O_CLOEXEC) != 0) return "The desktop has no room for another program";
  char *arguments[ARGUMENTS + 2];
  if (chdir(folder) != 0 && chdir("/workspace") != 0) return "The folder cannot be entered";
  const char *problem = plan(given, count, arguments);
  pid_t pid = problem == NULL ? begin(false) : -1;
  if (pid == 0) {
    dup3(failure[1], 3, O_CLOEXEC);
    close_range(4, ~0u, 0);
    int score = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (score >= 0 && write(score, PROGRAM_OOM_SCORE, strlen(PROGRAM_OOM_SCORE)) < 0) close(score);
    environ = (char **)environment;
    execvp(arguments[0], arguments);
    if (write(3, "x", 1) < 0) _exit(126);
    _exit(127);
  }
  close(failure[1]);
  char byte;
  if (problem == NULL && pid < 0) problem = "No process could be started";
  else if (problem == NULL && read(failure[0], &byte, 1) == 1) problem = "There is no such file or program";
  close(failure[0]);
  if (chdir("/workspace") != 0 && chdir("/") != 0) return "The folder cannot be left";
  if (problem != NULL) return problem;
  slot->pid = pid;
  const char *name = strrchr(arguments[0], '/');
  snprintf(slot->name, sizeof slot->name, "%.60s", name == NULL ? arguments[0] : name + 1);
  return NULL;
}

/* A whole FRAME_OPEN: u32 id, then the folder and the arguments, each with a NUL behind it. */
static void serve(int index, uint8_t *payload, size_t length) {
  if (length < 6 || payload[length - 1] != '\0') return drop_client(index);
  uint32_t id = get_u32(payload);
  char *folder = (char *)payload + 4, *end = (char *)payload + length;
  char *given[ARGUMENTS];
  int count = 0;
  for (char *at = folder + strlen(folder) + 1; at < end; at += strlen(at) + 1) {
    if (count == ARGUMENTS) return answer(index, id, "Too many arguments");
    given[count++] = at;
  }
  answer(index, id, launch(given, count, folder));
}

static void receive(int index) {
  uint8_t header[FRAME_HEADER];
  if (!read_all(clients[index], header, sizeof header)) return drop_client(index);
  uint32_t length = get_u32(header);
  uint8_t *payload = length >= 1 && length <= 65536 && header[4] == FRAME_OPEN ? malloc(length) : NULL;
  if (payload == NULL || !read_all(clients[index], payload, length - 1)) drop_client(index);
  else serve(index, payload, length - 1);
  free(payload);
}

static void welcome(int listener) {
  int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
  if (client < 0) return;
  /* One that sends half a frame, or does not read, holds nobody else up for long. */
  struct timeval limit = {.tv_sec = 2};
  setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  for (int index = 0; index < CLIENTS; index++) {
    if (clients[index] >= 0) continue;
    clients[index] = client;
    if (up) tell_up(index);
    return;
  }
  close(client);
}

static int listen_unix(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strcpy(address.sun_path, path);
  unlink(path);
  int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 16) != 0) return -1;
  chmod(path, 0666);
  return listener;
}

/* Milliseconds until the next restart is due; starts what is due. */
static int keep_up(void) {
  int64_t now = monotonic_milliseconds(), next = now + 60000;
  for (struct kept *one = kept; one < kept + KEPT; one++) {
    if (one->pid != 0 || (one != kept && !up)) continue;
    if (one->start_at <= now) start_kept(one);
    else if (one->start_at < next) next = one->start_at;
  }
  return (int)(next - now) + 1;
}

/*
 * deskhand-desktop: the session of the desktop's user. Keeps the screen, its window manager and its panel running, starts
 * programs when asked, and tells whoever is connected to SESSION_SOCKET what came and went. The folder of that socket
 * keeps the tools out. Goes on when whoever started it is gone; a second one ends at once.
 */
int desktop_main(int count, char **arguments) {
  (void)count;
  (void)arguments;
  umask(002);
  int lock = open(DESKTOP_FOLDER "/session.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock < 0) return 1;
  if (flock(lock, LOCK_EX | LOCK_NB) != 0) return 0;
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  signal(SIGPIPE, SIG_IGN);
  mkdir(OWN_HOME, 0700);
  mkdir(RUNTIME, 0700);
  if (!write_cookie() || chdir("/workspace") != 0) return 1;
  int listener = listen_unix(SESSION_SOCKET);
  if (listener < 0) return 1;
  for (int index = 0; index < CLIENTS; index++) clients[index] = -1;
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  sigprocmask(SIG_BLOCK, &child, NULL);
  int children = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);

  for (;;) {
    struct pollfd polled[3 + CLIENTS] = {{.fd = listener, .events = POLLIN}, {.fd = children, .events = POLLIN}, {.fd = readiness, .events = POLLIN}};
    int limit = keep_up();
    polled[2].fd = readiness;
    for (int index = 0; index < CLIENTS; index++) polled[3 + index] = (struct pollfd){.fd = clients[index], .events = POLLIN};
    if (poll(polled, 3 + CLIENTS, limit) < 0) continue;
    if (polled[2].revents != 0) {
      char line[16];
      ssize_t got = read(readiness, line, sizeof line);
      /* The number comes first and its line end after it; a screen that cannot write both dies. */
      bool ready = got > 0 && memchr(line, '\n', (size_t)got) != NULL;
      if (ready || got <= 0) {
        close(readiness);
        readiness = -1;
      }
      if (ready) screen_is_up();
    }
    for (int index = 0; index < CLIENTS; index++) {
      if (polled[3 + index].revents != 0 && clients[index] >= 0) receive(index);
    }
    if (polled[0].revents != 0) welcome(listener);
    if (polled[1].revents != 0) {
      struct signalfd_siginfo information;
      while (read(children, &information, sizeof information) > 0) continue;
    }
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) ended(pid, status);
  }
}

/* The answer to a frame that was sent; prints what is wrong. The exit code of the program. */
static int await_opened(int connection, size_t skip) {
  for (;;) {
    uint8_t header[FRAME_HEADER], payload[1024];
    if (!read_all(connection, header, sizeof header)) break;
    uint32_t length = get_u32(header);
    if (length < 1 || length - 1 > sizeof payload || !read_all(connection, payload, length - 1)) break;
    if (header[4] != FRAME_OPENED || length - 1 < skip + 1) continue;
    if (payload[skip] == 1) return 0;
    fprintf(stderr, "open: %.*s\n", (int)(length - 2 - skip), (const char *)payload + skip + 1);
    return 1;
  }
  fprintf(stderr, "open: the desktop does not answer\n");
  return 1;
}

/*
 * open ADDRESS | FILE | PROGRAM [ARGUMENT ...]: shows it on the desktop. The desktop's own programs ask its session; the
 * tools, which cannot reach the screen, ask sandboxd, and whoever looks after the computer decides.
 */
int open_main(int count, char **arguments) {
  uint8_t frame[FRAME_HEADER + 4 + 60000] = {[4] = FRAME_OPEN};
  if (count < 2) {
    fprintf(stderr, "usage: open ADDRESS | FILE | FOLDER | PROGRAM [ARGUMENT ...]\nShows it on the desktop. Programs: chromium, terminal, files, editor, or any other.\n");
    return 2;
  }
  int connection = connect_unix(SESSION_SOCKET);
  bool inside = connection >= 0;
  if (!inside) connection = connect_unix(RUNNER_SOCKET);
  if (connection < 0) {
    fprintf(stderr, "open: the desktop cannot be asked\n");
    return 1;
  }
  size_t length = FRAME_HEADER + (inside ? 4 : 0);
  char folder[4096];
  if (getcwd(folder, sizeof folder) == NULL) strcpy(folder, "/workspace");
  for (int index = 0; index < count; index++) {
    const char *text = index == 0 ? folder : arguments[index];
    size_t size = strlen(text) + 1;
    if (length + size > sizeof frame) {
      fprintf(stderr, "open: this is too long\n");
      return 1;
    }
    memcpy(frame + length, text, size);
    length += size;
  }
  put_u32(frame, (uint32_t)(length - 4));
  if (!write_all(connection, frame, length)) return 1;
  return await_opened(connection, inside ? 4 : 0);
}
