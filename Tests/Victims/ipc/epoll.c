// epoll comes back with its set: level, edge and one-shot entries (armed and spent), each with its data; also
// an epoll inside another, and an entry whose number was closed while a duplicate keeps the file open.
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include "victim.h"

static int set;
static void add(int to, int fd, uint32_t events, uint64_t data) {
  struct epoll_event event = {.events = events, .data.u64 = data};
  MUST(epoll_ctl(to, EPOLL_CTL_ADD, fd, &event));
}

// The events of those entries in `set` that are ready, as events by data (below 8).
static int ready(uint32_t *events) {
  struct epoll_event list[16];
  int count = epoll_wait(set, list, 16, 0);
  memset(events, 0, 8 * sizeof *events);
  for (int i = 0; i < count; i++) {
    CHECK((list[i].data.u64 >> 3) == 0x1234567890abc, "data is %lx", list[i].data.u64);
    events[list[i].data.u64 & 7] = list[i].events;
  }
  return count;
}

int main(void) {
  uint64_t tag = 0x1234567890abcull << 3;
  set = MUST(epoll_create1(EPOLL_CLOEXEC));
  int level = eventfd(1, 0), edge = eventfd(1, 0), spent = eventfd(1, 0), armed = eventfd(0, 0), other = eventfd(0, 0);
  int outer = MUST(epoll_create1(0)), pipes[2];
  MUST(pipe(pipes));
  add(set, level, EPOLLIN, tag | 1);
  add(set, edge, EPOLLIN | EPOLLET, tag | 2);
  add(set, spent, EPOLLIN | EPOLLONESHOT, tag | 3);
  uint32_t events[8];
  ready(events);
  add(set, armed, EPOLLIN | EPOLLONESHOT, tag | 4);
  add(set, pipes[0], EPOLLIN | EPOLLRDHUP, tag | 5);
  add(set, other, EPOLLIN | EPOLLOUT | EPOLLET, tag | 6);
  ready(events);
  add(outer, set, EPOLLIN, 99);
  victim_wait();
  eventfd_write(armed, 1);
  eventfd_write(edge, 1);
  MUST(write(pipes[1], "x", 1));
  ready(events);
  CHECK(events[1] == EPOLLIN, "level: %x", events[1]);
  CHECK(events[2] == EPOLLIN, "edge: %x", events[2]);
  CHECK(events[3] == 0, "spent one-shot: %x", events[3]);
  CHECK(events[4] == EPOLLIN, "armed one-shot: %x", events[4]);
  CHECK(events[5] == EPOLLIN, "pipe: %x", events[5]);
  ready(events);
  CHECK(events[1] && !events[2] && !events[4], "a second look: level %x, edge %x, one-shot %x", events[1], events[2], events[4]);
  struct epoll_event event;
  CHECK(epoll_wait(outer, &event, 1, 0) == 1 && event.data.u64 == 99, "the epoll inside the other");
  event = (struct epoll_event){.events = EPOLLIN | EPOLLONESHOT, .data.u64 = tag | 3};
  CHECK(epoll_ctl(set, EPOLL_CTL_MOD, spent, &event) == 0, "the spent entry is gone");
  ready(events);
  CHECK(events[3] == EPOLLIN);
  CHECK(epoll_ctl(set, EPOLL_CTL_ADD, level, &event) == -1 && errno == EEXIST);
  victim_pass();
}
