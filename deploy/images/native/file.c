#define _GNU_SOURCE
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LARGEST (64u << 20)
#define LINES_READ 2000
#define LINE_SHOWN 2000
#define BEFORE_SHOWN 65536

static _Noreturn void fail(const char *format, ...) {
  va_list values;
  va_start(values, format);
  vfprintf(stderr, format, values);
  va_end(values);
  fputc('\n', stderr);
  exit(1);
}

/* Opens a regular file and nothing else; a pipe or a device is refused without waiting for it. -1 when there is none. */
static int open_regular(const char *path, struct stat *facts) {
  int file = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (file < 0 && errno == ENOENT) return -1;
  if (file < 0) fail("%s: %s", path, strerror(errno));
  if (fstat(file, facts) != 0) fail("%s: %s", path, strerror(errno));
  if (S_ISDIR(facts->st_mode)) fail("%s is a folder", path);
  if (!S_ISREG(facts->st_mode)) fail("%s is not a regular file", path);
  return file;
}

static char *read_whole(int file, const char *path, size_t *length) {
  char *bytes = slurp(file, LARGEST, length);
  if (bytes == NULL) fail("%s cannot be read, or is larger than %u MB", path, LARGEST >> 20);
  return bytes;
}

static bool looks_binary(const char *bytes, size_t length) { return memchr(bytes, 0, length < 8192 ? length : 8192) != NULL; }

static size_t count_lines(const char *bytes, size_t length) {
  size_t lines = 0;
  for (const char *at = bytes; (at = memchr(at, '\n', (size_t)(bytes + length - at))) != NULL; at++) lines++;
  return lines + (length > 0 && bytes[length - 1] != '\n');
}

/* A cut that does not split a UTF-8 sequence. */
static size_t whole_characters(const char *bytes, size_t length) {
  while (length > 0 && ((uint8_t)bytes[length] & 0xc0) == 0x80) length--;
  return length;
}

static long number(const char *text) {
  char *end;
  long value = strtol(text, &end, 10);
  if (*text == '\0' || *end != '\0' || value < 0) fail("%s is not a number of lines", text);
  return value;
}

static int read_file(const char *path, int count, char **options) {
  long offset = 1, limit = LINES_READ;
  for (int index = 0; index + 1 < count; index += 2) {
    if (strcmp(options[index], "--offset") == 0) offset = number(options[index + 1]);
    else if (strcmp(options[index], "--limit") == 0) limit = number(options[index + 1]);
    else fail("unknown option %s", options[index]);
  }
  if (offset < 1) offset = 1;
  struct stat facts;
  int file = open_regular(path, &facts);
  if (file < 0) fail("%s does not exist", path);
  size_t length;
  char *bytes = read_whole(file, path, &length);
  if (looks_binary(bytes, length)) fail("%s is a binary file of %zu bytes", path, length);
  size_t lines = count_lines(bytes, length);
  if (length == 0) puts("(the file is empty)");
  if (length > 0 && (size_t)offset > lines) fail("%s has %zu lines; there is no line %ld", path, lines, offset);

  const char *at = bytes, *end = bytes + length;
  long line = 1;
  for (; at < end && line < offset + limit; line++) {
    const char *stop = memchr(at, '\n', (size_t)(end - at));
    size_t size = (size_t)((stop == NULL ? end : stop) - at);
    if (line >= offset) {
      size_t shown = size > LINE_SHOWN ? whole_characters(at, LINE_SHOWN) : size;
      printf("%6ld\t%.*s", line, (int)shown, at);
      if (shown < size) printf(" [%zu more bytes in this line]", size - shown);
      putchar('\n');
    }
    at = stop == NULL ? end : stop + 1;
  }
  if (at < end) printf("(lines %ld to %ld of %zu; the next is --offset %ld)\n", offset, line - 1, lines, line);
  return 0;
}

static void make_parents(const char *path) {
  char copy[PATH_MAX];
  snprintf(copy, sizeof copy, "%s", path);
  for (char *slash = strchr(copy + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    if (mkdir(copy, 0777) != 0 && errno != EEXIST) fail("the folder %s cannot be made: %s", copy, strerror(errno));
    *slash = '/';
  }
}

/* Puts a whole new content in the place of the old one: a reader sees the one or the other. */
static void replace(const char *path, mode_t mode, const char *bytes, size_t length) {
  char temporary[PATH_MAX + 32], copy[PATH_MAX];
  snprintf(copy, sizeof copy, "%s", path);
  snprintf(temporary, sizeof temporary, "%s/.deskhand-XXXXXX", dirname(copy));
  int file = mkostemp(temporary, O_CLOEXEC);
  if (file < 0) fail("%s cannot be written: %s", path, strerror(errno));
  bool done = write_all(file, bytes, length) && fchmod(file, mode) == 0 && close(file) == 0 && rename(temporary, path) == 0;
  if (done) return;
  int problem = errno;
  unlink(temporary);
  fail("%s cannot be written: %s", path, strerror(problem));
}

static void print_text(const char *bytes, size_t length) {
  putchar('"');
  for (size_t index = 0; index < length; index++) {
    uint8_t byte = (uint8_t)bytes[index];
    if (byte == '"' || byte == '\\') printf("\\%c", byte);
    else if (byte == '\n') fputs("\\n", stdout);
    else if (byte < 0x20 || byte == 0x7f) printf("\\u%04x", byte);
    else putchar(byte);
  }
  putchar('"');
}

static int write_file(const char *path) {
  size_t length;
  char *bytes = slurp(0, LARGEST, &length);
  if (bytes == NULL) fail("the new content cannot be read");
  make_parents(path);
  /* A link is written through: what it points to gets the new content. */
  char target[PATH_MAX];
  if (realpath(path, target) == NULL) snprintf(target, sizeof target, "%s", path);
  struct stat facts = {.st_mode = 0664};
  int file = open_regular(target, &facts);
  size_t before_length = 0;
  char *before = NULL;
  if (file >= 0) {
    if (access(target, W_OK) != 0) fail("%s is read-only", path);
    if (facts.st_size <= LARGEST) before = read_whole(file, path, &before_length);
  }
  replace(target, facts.st_mode & 07777, bytes, length);

  fputs("{\"path\":", stdout);
  print_text(target, strlen(target));
  printf(",\"lines\":%zu,\"created\":%s", count_lines(bytes, length), file < 0 ? "true" : "false");
  if (before != NULL && !looks_binary(before, before_length)) {
    size_t shown = before_length > BEFORE_SHOWN ? whole_characters(before, BEFORE_SHOWN) : before_length;
    fputs(",\"before\":", stdout);
    print_text(before, shown);
    if (shown < before_length) fputs(",\"before_cut\":true", stdout);
  }
  puts("}");
  return 0;
}

static int edit_file(const char *path, bool all) {
  size_t given;
  char *standard_input = slurp(0, LARGEST, &given);
  char *newline = standard_input == NULL ? NULL : memchr(standard_input, '\n', given);
  if (newline == NULL) fail("the texts cannot be read");
  size_t old_length = strtoul(standard_input, NULL, 10);
  const char *old = newline + 1;
  if (old_length > given - (size_t)(old - standard_input)) fail("the old text is shorter than announced");
  const char *new = old + old_length;
  size_t new_length = given - (size_t)(new - standard_input);
  if (old_length == 0) fail("the old text is empty");
  if (old_length == new_length && memcmp(old, new, old_length) == 0) fail("the old and the new text are the same");

  char target[PATH_MAX];
  struct stat facts;
  int file = realpath(path, target) == NULL ? -1 : open_regular(target, &facts);
  if (file < 0) fail("%s does not exist", path);
  if (access(target, W_OK) != 0) fail("%s is read-only", path);
  size_t length;
  char *bytes = read_whole(file, path, &length);
  size_t occurrences = 0, first_line = 0;
  for (char *at = bytes; (at = memmem(at, (size_t)(bytes + length - at), old, old_length)) != NULL; at += old_length) {
    if (occurrences++ == 0) first_line = count_lines(bytes, (size_t)(at - bytes)) + (at == bytes || at[-1] == '\n');
  }
  if (occurrences == 0) fail("the old text does not occur in %s", path);
  if (occurrences > 1 && !all) fail("the old text occurs %zu times in %s; give more of its surroundings, or replace all", occurrences, path);

  size_t size = length - occurrences * old_length + occurrences * new_length;
  if (size > LARGEST) fail("%s would become larger than %u MB", path, LARGEST >> 20);
  char *result = malloc(size + 1), *to = result;
  if (result == NULL) fail("no memory for %zu bytes", size);
  for (const char *at = bytes, *end = bytes + length;;) {
    const char *found = memmem(at, (size_t)(end - at), old, old_length);
    size_t kept = (size_t)((found == NULL ? end : found) - at);
    memcpy(to, at, kept);
    to += kept;
    if (found == NULL) break;
    memcpy(to, new, new_length);
    to += new_length;
    at = found + old_length;
  }
  replace(target, facts.st_mode & 07777, result, size);
  fputs("{\"path\":", stdout);
  print_text(target, strlen(target));
  printf(",\"lines\":%zu,\"created\":false,\"occurrences\":%zu,\"first_line\":%zu}\n", count_lines(result, size), occurrences, first_line);
  return 0;
}

/*
 * deskhand-file read PATH [--offset FIRST_LINE] [--limit LINES]
 * deskhand-file write PATH               the content on standard input
 * deskhand-file edit PATH [--all]        "<bytes of old>\n<old><new>" on standard input
 * Runs as the tools' user, so it can do nothing that a command could not. Says what went wrong in one line.
 */
int file_main(int count, char **arguments) {
  if (count < 3 || arguments[2][0] == '\0') fail("usage: deskhand-file read|write|edit PATH");
  const char *verb = arguments[1];
  char path[PATH_MAX], folder[PATH_MAX];
  int length = arguments[2][0] == '/' ? snprintf(path, sizeof path, "%s", arguments[2])
               : getcwd(folder, sizeof folder) == NULL ? -1
                                                       : snprintf(path, sizeof path, "%s/%s", folder, arguments[2]);
  if (length < 0 || (size_t)length >= sizeof path) fail("the path is too long");
  umask(002);
  if (strcmp(verb, "read") == 0) return read_file(path, count - 3, arguments + 3);
  if (strcmp(verb, "write") == 0) return write_file(path);
  if (strcmp(verb, "edit") == 0) return edit_file(path, count > 3 && strcmp(arguments[3], "--all") == 0);
  fail("%s is not read, write or edit", verb);
}
