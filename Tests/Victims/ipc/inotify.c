// May be refused by name. If it is restored: the watch still reports, with its descriptor and mask.
#include <sys/inotify.h>
#include "victim.h"

int main(void) {
  mkdir("watched", 0755);
  int fd = MUST(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  int watch = MUST(inotify_add_watch(fd, "watched", IN_CREATE | IN_DELETE));
  victim_wait();
  close(creat("watched/new", 0644));
  char buffer[1024];
  ssize_t n = read(fd, buffer, sizeof buffer);
  struct inotify_event *event = (struct inotify_event *)buffer;
  CHECK(n > 0 && event->wd == watch && event->mask == IN_CREATE && !strcmp(event->name, "new"), "no event: %s", strerror(errno));
  victim_pass();
}
