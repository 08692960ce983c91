// socketpair KIND (stream, dgram, seqpacket): a Unix socket pair keeps the bytes under way in both directions,
// with the boundaries of its kind, socket options, and the end of file of a side that was shut down.
#include <sys/socket.h>
#include "victim.h"

int main(int count, char **arguments) {
  const char *kind = count > 1 ? arguments[1] : "stream";
  int type = !strcmp(kind, "dgram") ? SOCK_DGRAM : !strcmp(kind, "seqpacket") ? SOCK_SEQPACKET : SOCK_STREAM;
  int pair[2], shut[2], one_left[2];
  MUST(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair));
  MUST(socketpair(AF_UNIX, type, 0, shut));
  MUST(socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, one_left));
  int size = 100000, option = 1;
  setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &option, sizeof option);
  socklen_t length = sizeof size;
  getsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, &length);
  MUST(send(pair[0], "to one", 6, 0));
  MUST(send(pair[0], "again", 5, 0));
  MUST(send(pair[1], "to zero", 7, 0));
  if (type != SOCK_DGRAM) {
    MUST(send(shut[0], "last", 4, 0));
    MUST(shutdown(shut[0], SHUT_WR));
  }
  if (type != SOCK_DGRAM) MUST(send(one_left[0], "gone", 4, 0));
  close(one_left[0]);
  victim_wait();
  char text[64] = "";
  ssize_t n = recv(pair[1], text, sizeof text, 0);
  if (type == SOCK_STREAM) {
    while (n > 0 && n < 11) n += recv(pair[1], text + n, sizeof text - n, 0);  // one recv may stop at SO_PASSCRED's seam
    CHECK(n == 11 && !memcmp(text, "to oneagain", 11), "got %zd bytes '%s'", n, text);
  } else {
    CHECK(n == 6 && !memcmp(text, "to one", 6), "first message: %zd '%s'", n, text);
    CHECK(recv(pair[1], text, sizeof text, 0) == 5 && !memcmp(text, "again", 5), "second message");
  }
  CHECK(recv(pair[0], text, sizeof text, 0) == 7 && !memcmp(text, "to zero", 7), "the other direction");
  CHECK(recv(pair[0], text, sizeof text, MSG_DONTWAIT) == -1 && errno == EAGAIN, "more arrived than was sent");
  int now = 0;
  length = sizeof now;
  getsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &now, &length);
  CHECK(now == size, "SO_SNDBUF is %d, was %d", now, size);
  getsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &now, &length);
  CHECK(now == 1, "SO_PASSCRED is %d", now);
  CHECK(send(pair[1], "new", 3, 0) == 3 && recv(pair[0], text, sizeof text, 0) == 3, "the pair fell apart");
  CHECK(fcntl(pair[0], F_GETFD) == FD_CLOEXEC);
  if (type != SOCK_DGRAM) {
    CHECK(recv(shut[1], text, sizeof text, 0) == 4 && recv(shut[1], text, sizeof text, 0) == 0, "end of file");
    CHECK(send(shut[1], "back", 4, 0) == 4 && recv(shut[0], text, sizeof text, 0) == 4, "the open direction");
    CHECK(recv(one_left[1], text, sizeof text, 0) == 4 && !memcmp(text, "gone", 4), "what the closed side sent");
    CHECK(recv(one_left[1], text, sizeof text, 0) == 0, "the closed side is back");
  } else {
    CHECK(send(one_left[1], "x", 1, MSG_NOSIGNAL) == -1, "the closed side is back");
  }
  victim_pass();
}
