// May be refused by name. If it is restored: a POSIX message queue keeps its messages with their priorities.
#include <mqueue.h>
#include "victim.h"

int main(void) {
  char name[64], text[64];
  snprintf(name, sizeof name, "/victim.%d", getpid());
  struct mq_attr attributes = {.mq_maxmsg = 4, .mq_msgsize = 64};
  mqd_t queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attributes);
  if (queue < 0) SKIP("no message queues: %s", strerror(errno));
  mq_unlink(name);
  MUST(mq_send(queue, "low", 3, 1));
  MUST(mq_send(queue, "high", 4, 9));
  victim_wait();
  unsigned priority = 0;
  CHECK(mq_receive(queue, text, 64, &priority) == 4 && priority == 9 && !memcmp(text, "high", 4), "first message");
  CHECK(mq_receive(queue, text, 64, &priority) == 3 && priority == 1 && !memcmp(text, "low", 3), "second message");
  victim_pass();
}
