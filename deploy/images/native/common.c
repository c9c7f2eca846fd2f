#define _GNU_SOURCE
#include "common.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

uint32_t get_u32(const uint8_t *from) {
  return (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 8 | from[3];
}

void put_u32(uint8_t *to, uint32_t value) {
  to[0] = (uint8_t)(value >> 24);
  to[1] = (uint8_t)(value >> 16);
  to[2] = (uint8_t)(value >> 8);
  to[3] = (uint8_t)value;
}

int64_t monotonic_milliseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool read_all(int descriptor, void *to, size_t length) {
  uint8_t *at = to;
  while (length > 0) {
    ssize_t got = read(descriptor, at, length);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    at += got;
    length -= (size_t)got;
  }
  return true;
}

bool write_all(int descriptor, const void *from, size_t length) {
  const uint8_t *at = from;
  while (length > 0) {
    ssize_t put = write(descriptor, at, length);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return false;
    at += put;
    length -= (size_t)put;
  }
  return true;
}

bool send_frame(int descriptor, uint8_t type, const void *payload, size_t length) {
  uint8_t small[256];
  if (FRAME_HEADER + length > sizeof small) return false;
  put_u32(small, (uint32_t)(length + 1));
  small[4] = type;
  if (length > 0) memcpy(small + FRAME_HEADER, payload, length);
  return write_all(descriptor, small, FRAME_HEADER + length);
}

int connect_unix(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path) return -1;
  strcpy(address.sun_path, path);
  int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return -1;
  if (connect(descriptor, (struct sockaddr *)&address, sizeof address) == 0) return descriptor;
  close(descriptor);
  return -1;
}

char *slurp(int descriptor, size_t limit, size_t *length) {
  size_t room = 65536, used = 0;
  char *bytes = malloc(room + 1);
  while (bytes != NULL) {
    if (used == room) {
      if (room > limit) break;
      room *= 2;
      char *larger = realloc(bytes, room + 1);
      if (larger == NULL) break;
      bytes = larger;
    }
    ssize_t got = read(descriptor, bytes + used, room - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) break;
    if (got == 0) {
      if (used > limit) break;
      bytes[used] = '\0';
      *length = used;
      return bytes;
    }
    used += (size_t)got;
  }
  free(bytes);
  return NULL;
}
