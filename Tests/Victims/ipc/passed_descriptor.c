// May be refused by name. If it is restored: a descriptor under way in a Unix socket (SCM_RIGHTS) arrives.
#include <sys/socket.h>
#include "victim.h"

int main(void) {
  int pair[2], pipes[2];
  MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
  MUST(pipe(pipes));
  char control[CMSG_SPACE(sizeof(int))] = {0}, byte = 'd';
  struct iovec data = {&byte, 1};
  struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(header), &pipes[1], sizeof(int));
  MUST(sendmsg(pair[0], &message, 0));
  close(pipes[1]);
  victim_wait();
  message.msg_controllen = sizeof control;
  CHECK(recvmsg(pair[1], &message, 0) == 1 && byte == 'd', "the byte did not arrive");
  header = CMSG_FIRSTHDR(&message);
  CHECK(header && header->cmsg_type == SCM_RIGHTS, "the descriptor did not arrive");
  int fd;
  memcpy(&fd, CMSG_DATA(header), sizeof fd);
  CHECK(write(fd, "x", 1) == 1 && read(pipes[0], &byte, 1) == 1 && byte == 'x', "it is not the pipe");
  victim_pass();
}
