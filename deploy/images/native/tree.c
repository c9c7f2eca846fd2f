#define _GNU_SOURCE
#include "common.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MOST 16384

struct process {
  pid_t pid, parent;
  bool inside;
};

static struct process table[MOST];

/* Fills the table with every process that still runs (zombies excluded); returns how many. */
static int list_processes(void) {
  DIR *folder = opendir("/proc");
  if (folder == NULL) return 0;
  int count = 0;
  for (struct dirent *entry; count < MOST && (entry = readdir(folder)) != NULL;) {
    if (!isdigit((unsigned char)entry->d_name[0])) continue;
    char path[64], line[512];
    snprintf(path, sizeof path, "/proc/%.20s/stat", entry->d_name);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) continue;
    ssize_t length = read(file, line, sizeof line - 1);
    close(file);
    if (length <= 0) continue;
    line[length] = '\0';
    /* The name may hold anything, even brackets: what follows the last one counts. */
    char *after = strrchr(line, ')');
    char state;
    int parent;
    if (after == NULL || sscanf(after + 1, " %c %d", &state, &parent) != 2 || state == 'Z' || state == 'X') continue;
    table[count++] = (struct process){.pid = atoi(entry->d_name), .parent = parent};
  }
  closedir(folder);
  return count;
}

static int by_pid(const void *left, const void *right) {
  const struct process *one = left, *other = right;
  return (one->pid > other->pid) - (one->pid < other->pid);
}

/* Whose tree, and which branches of it are left alone. */
struct tree {
  pid_t root;
  const pid_t *keep;
  int kept;
};

static bool is_kept(const struct tree *tree, pid_t pid) {
  for (int index = 0; index < tree->kept; index++) {
    if (tree->keep[index] == pid) return true;
  }
  return false;
}

static bool belongs(const struct tree *tree, const struct process *process, int count) {
  /* Bounded, because a list that changes while it is read may show a circle. */
  for (int steps = 0; process != NULL && steps <= count; steps++) {
    if (process->pid == tree->root || is_kept(tree, process->pid)) return false;
    if (process->parent == tree->root) return true;
    process = bsearch(&(struct process){.pid = process->parent}, table, (size_t)count, sizeof *table, by_pid);
  }
  return false;
}

/* Leaves only the processes of the tree, without its root, in the table; returns how many. */
static int list_tree(const struct tree *tree) {
  int count = list_processes(), inside = 0;
  qsort(table, (size_t)count, sizeof *table, by_pid);
  for (int index = 0; index < count; index++) table[index].inside = belongs(tree, &table[index], count);
  for (int index = 0; index < count; index++) {
    if (table[index].inside) table[inside++] = table[index];
  }
  return inside;
}

static void kill_tree(const struct tree *tree) {
  static uint8_t stopped[(1 << 22) / 8];
  memset(stopped, 0, sizeof stopped);
  for (int pass = 0; pass < 200; pass++) {
    bool fresh = false;
    int count = list_tree(tree);
    for (int index = 0; index < count; index++) {
      uint32_t pid = (uint32_t)table[index].pid & ((1 << 22) - 1);
      if (stopped[pid / 8] & (1 << pid % 8)) continue;
      stopped[pid / 8] |= (uint8_t)(1 << pid % 8);
      kill(table[index].pid, SIGSTOP);
      fresh = true;
    }
    if (!fresh) break;
  }
  int count = list_tree(tree);
  for (int index = 0; index < count; index++) kill(table[index].pid, SIGKILL);
}

void kill_descendants(pid_t root) { kill_tree(&(struct tree){.root = root}); }

void kill_orphans(pid_t root, const pid_t *keep, int kept) { kill_tree(&(struct tree){.root = root, .keep = keep, .kept = kept}); }

/* deskhand-kill: ends every process of this user but itself. Exits 0 when none is left, 1 after 1.5 s. */
int kill_main(int count, char **arguments) {
  (void)count;
  (void)arguments;
  for (int attempt = 0; attempt < 150; attempt++) {
    if (kill(-1, SIGKILL) < 0) return 0;
    /* Zombies still count for kill(-1): look for one that runs. */
    bool left = false;
    int processes = list_processes();
    for (int index = 0; index < processes && !left; index++) left = table[index].pid != getpid() && kill(table[index].pid, 0) == 0;
    if (!left) return 0;
    nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
  }
  return 1;
}
