// An established connection to the outside (to the driver, which listens on port VICTIM_PORT) goes on after a
// checkpoint, and comes back from a restart as closed by the peer: readable, end of file or reset, no hang.
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include "victim.h"

int main(void) {
  signal(SIGPIPE, SIG_IGN);
  const char *port = getenv("VICTIM_PORT");
  if (!port) FAIL("setup: VICTIM_PORT is not set");
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(port)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = MUST(socket(AF_INET, SOCK_STREAM, 0));
  MUST(connect(fd, (struct sockaddr *)&address, sizeof address));
  CHECK(send(fd, "ping", 4, 0) == 4);
  char text[8] = "";
  CHECK(recv(fd, text, 4, MSG_WAITALL) == 4 && !memcmp(text, "ping", 4), "the driver echoes");
  bool restarted = victim_wait();
  if (!restarted) {
    CHECK(send(fd, "more", 4, 0) == 4 && recv(fd, text, 4, MSG_WAITALL) == 4 && !memcmp(text, "more", 4), "the connection is broken");
    victim_pass();
  }
  struct pollfd wait = {fd, POLLIN, 0};
  CHECK(poll(&wait, 1, 30000) == 1, "poll sees nothing");
  ssize_t n = recv(fd, text, 4, 0);
  CHECK(n == 0 || (n == -1 && errno == ECONNRESET), "recv gives %zd, %s", n, strerror(errno));
  while ((n = send(fd, "x", 1, 0)) == 1) victim_doze();
  CHECK(errno == EPIPE || errno == ECONNRESET, "send: %s", strerror(errno));
  CHECK(close(fd) == 0);
  victim_pass();
}
