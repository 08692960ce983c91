// An epoll set in which one number stands for several files: each was added, kept open elsewhere, and another one
// put in its place by dup2(2).
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include "victim.h"

int main(void) {
  int set = MUST(epoll_create1(EPOLL_CLOEXEC)), number = 40, kept[3];
  for (int i = 0; i < 3; i++) {
    kept[i] = MUST(eventfd(0, EFD_NONBLOCK));
    MUST(dup2(kept[i], number));
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = 100 + i};
    MUST(epoll_ctl(set, EPOLL_CTL_ADD, number, &event));
  }
  victim_wait();
  for (int i = 0; i < 3; i++) {
    uint64_t one = 1;
    MUST(write(kept[i], &one, 8));
    struct epoll_event event;
    CHECK(epoll_wait(set, &event, 1, 5000) == 1, "file %d: no event", i);
    CHECK(event.data.u64 == 100u + i, "file %d gives %lu", i, event.data.u64);
    MUST(read(kept[i], &one, 8));
    CHECK(epoll_wait(set, &event, 1, 0) == 0, "file %d: another event", i);
  }
  victim_pass();
}
