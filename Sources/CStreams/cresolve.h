// getaddrinfo(3) for Swift: its result is a list of structs that the C library owns.
#pragma once
#include <netdb.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

// Puts the first address of a host into `address`. Returns its bytes; 0 when there is none.
static inline uint32_t cresolve(
    const char *host, const char *port, int is_datagram, void *address, uint32_t capacity) {
  struct addrinfo hints = {0}, *found = 0;
  hints.ai_socktype = is_datagram ? SOCK_DGRAM : SOCK_STREAM;
  if (getaddrinfo(host, port, &hints, &found) != 0) return 0;
  uint32_t count = found && found->ai_addrlen <= capacity ? found->ai_addrlen : 0;
  if (count) memcpy(address, found->ai_addr, count);
  freeaddrinfo(found);
  return count;
}
