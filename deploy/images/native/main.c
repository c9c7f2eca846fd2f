#include "common.h"

#include <stdio.h>
#include <string.h>

/* One program, several names: everything native inside a computer. */
static const struct {
  const char *name;
  int (*main)(int, char **);
} applets[] = {
    {"init", init_main}, {"runner", runner_main}, {"bridge", bridge_main},
    {"file", file_main}, {"kill", kill_main},     {"health", health_main},
    {"desktop", desktop_main}, {"open", open_main},
};

int main(int count, char **arguments) {
  const char *name = count > 0 ? arguments[0] : "";
  const char *slash = strrchr(name, '/');
  if (slash != NULL) name = slash + 1;
  if (strncmp(name, "deskhand-", 9) == 0) name += 9;
  for (size_t index = 0; index < sizeof applets / sizeof *applets; index++) {
    if (strcmp(name, applets[index].name) == 0) return applets[index].main(count, arguments);
  }
  fprintf(stderr, "deskhand: no applet is called %s\n", name);
  return 127;
}
