// May be refused by name. If it is restored: a bound UDP socket receives on its port, a connected one sends.
#include <netinet/in.h>
#include <sys/socket.h>
#include "victim.h"

int main(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}, now;
  socklen_t length = sizeof address;
  int bound = MUST(socket(AF_INET, SOCK_DGRAM, 0)), connected = MUST(socket(AF_INET, SOCK_DGRAM, 0));
  MUST(bind(bound, (struct sockaddr *)&address, length));
  getsockname(bound, (struct sockaddr *)&address, &length);
  MUST(connect(connected, (struct sockaddr *)&address, length));
  victim_wait();
  CHECK(getsockname(bound, (struct sockaddr *)&now, &length) == 0 && now.sin_port == address.sin_port, "its port changed");
  char text[8] = "";
  CHECK(send(connected, "hello", 5, 0) == 5 && recv(bound, text, 8, 0) == 5, "send and receive: %s", strerror(errno));
  victim_pass();
}
