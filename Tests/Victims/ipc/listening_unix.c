// Listening Unix sockets listen again: one with a path in the file system (which is still there after a kill)
// and one in the abstract namespace.
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
#include "victim.h"

static void exchange(int listener, struct sockaddr_un *address, socklen_t length) {
  int client = socket(AF_UNIX, SOCK_STREAM, 0);
  CHECK(connect(client, (struct sockaddr *)address, length) == 0, "connect: %s", strerror(errno));
  int server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
  CHECK(server >= 0, "accept: %s", strerror(errno));
  char text[8] = "";
  CHECK(send(server, "hello", 5, 0) == 5 && recv(client, text, 8, 0) == 5);
}

int main(void) {
  struct sockaddr_un path = {.sun_family = AF_UNIX, .sun_path = "listening"}, abstract = {.sun_family = AF_UNIX}, now;
  unlink(path.sun_path);
  int one = MUST(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0)), two = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
  MUST(bind(one, (struct sockaddr *)&path, sizeof path));
  MUST(bind(two, (struct sockaddr *)&abstract, sizeof(sa_family_t)));  // the kernel chooses a name
  socklen_t length = sizeof abstract, new_length = sizeof now;
  getsockname(two, (struct sockaddr *)&abstract, &length);
  MUST(listen(one, 5));
  MUST(listen(two, 5));
  victim_wait();
  CHECK(accept(one, NULL, NULL) == -1 && errno == EAGAIN, "accept: %s", strerror(errno));
  CHECK(getsockname(two, (struct sockaddr *)&now, &new_length) == 0 && new_length == length && !memcmp(&now, &abstract, length), "the abstract name changed");
  exchange(one, &path, sizeof path);
  exchange(two, &abstract, length);
  victim_pass();
}
