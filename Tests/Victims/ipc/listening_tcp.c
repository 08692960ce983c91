// Listening TCP sockets, IPv4 and IPv6, listen again on their ports with their options.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include "victim.h"

static int listen_on(int family, struct sockaddr_storage *address, socklen_t *length) {
  int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  memset(address, 0, sizeof *address);
  if (family == AF_INET6) {
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)address;
    six->sin6_family = AF_INET6;
    six->sin6_addr = in6addr_loopback;
    *length = sizeof *six;
    int only = 1;
    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only);
  } else {
    struct sockaddr_in *four = (struct sockaddr_in *)address;
    four->sin_family = AF_INET;
    four->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *length = sizeof *four;
  }
  int on = 1, size = 50000;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (bind(fd, (struct sockaddr *)address, *length) || listen(fd, 17)) return close(fd), -1;
  getsockname(fd, (struct sockaddr *)address, length);
  return fd;
}

static int option(int fd, int level, int name) {
  int value = -1;
  socklen_t length = sizeof value;
  getsockopt(fd, level, name, &value, &length);
  return value;
}

static void exchange(int listener, struct sockaddr_storage *address, socklen_t length) {
  int client = socket(address->ss_family, SOCK_STREAM, 0);
  CHECK(connect(client, (struct sockaddr *)address, length) == 0, "connect: %s", strerror(errno));
  int server = accept(listener, NULL, NULL);
  CHECK(server >= 0, "accept: %s", strerror(errno));
  char text[8] = "";
  CHECK(send(client, "hello", 5, 0) == 5 && recv(server, text, 8, 0) == 5);
  close(client);
  close(server);
}

int main(void) {
  struct sockaddr_storage four, six, now;
  socklen_t four_length, six_length, length = sizeof now;
  int one = listen_on(AF_INET, &four, &four_length), two = listen_on(AF_INET6, &six, &six_length);
  if (one < 0) FAIL("setup: listen: %s", strerror(errno));
  fcntl(one, F_SETFL, fcntl(one, F_GETFL));
  int receive = option(one, SOL_SOCKET, SO_RCVBUF);
  victim_wait();
  CHECK(getsockname(one, (struct sockaddr *)&now, &length) == 0 && !memcmp(&now, &four, four_length), "its address changed");
  CHECK(option(one, SOL_SOCKET, SO_ACCEPTCONN) == 1 && option(one, SOL_SOCKET, SO_REUSEADDR) == 1 && option(one, SOL_SOCKET, SO_KEEPALIVE) == 1 &&
        option(one, IPPROTO_TCP, TCP_NODELAY) == 1, "an option is lost");
  CHECK(option(one, SOL_SOCKET, SO_RCVBUF) == receive, "SO_RCVBUF is %d, was %d", option(one, SOL_SOCKET, SO_RCVBUF), receive);
  CHECK(fcntl(one, F_GETFD) == FD_CLOEXEC);
  exchange(one, &four, four_length);
  if (two >= 0) {
    CHECK(option(two, IPPROTO_IPV6, IPV6_V6ONLY) == 1);
    exchange(two, &six, six_length);
  }
  victim_pass();
}
