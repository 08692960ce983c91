// A TCP connection with both ends in the program. May be refused by name; or both ends come back connected
// with the bytes under way; or both as closed by the peer. Never a hang, never a wrong byte.
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include "victim.h"

int main(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  int listener = MUST(socket(AF_INET, SOCK_STREAM, 0)), client = MUST(socket(AF_INET, SOCK_STREAM, 0));
  MUST(bind(listener, (struct sockaddr *)&address, length));
  MUST(listen(listener, 1));
  getsockname(listener, (struct sockaddr *)&address, &length);
  MUST(connect(client, (struct sockaddr *)&address, length));
  int server = MUST(accept(listener, NULL, NULL));
  MUST(send(client, "under way", 9, 0));
  victim_wait();
  struct pollfd wait = {server, POLLIN, 0};
  CHECK(poll(&wait, 1, 30000) == 1, "poll sees nothing");
  char text[16] = "";
  ssize_t n = recv(server, text, 16, MSG_NOSIGNAL);
  if (n <= 0) {
    CHECK(n == 0 || errno == ECONNRESET, "recv: %s", strerror(errno));
    n = recv(client, text, 16, 0);
    CHECK(n == 0 || errno == ECONNRESET, "only one end is closed");
  } else {
    CHECK(n == 9 && !strcmp(text, "under way"), "got '%s'", text);
    CHECK(send(server, "back", 4, 0) == 4 && recv(client, text, 16, 0) == 4, "the other direction");
  }
  victim_pass();
}
