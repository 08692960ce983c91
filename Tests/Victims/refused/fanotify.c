// A fanotify group can't be restored: refused by that name, and it goes on reporting.
#include <sys/fanotify.h>
#include "victim.h"

int main(void) {
  int fd = fanotify_init(FAN_CLASS_NOTIF | FAN_REPORT_FID | FAN_NONBLOCK, 0);
  if (fd < 0) SKIP("no fanotify: %s", strerror(errno));
  if (fanotify_mark(fd, FAN_MARK_ADD, FAN_CREATE | FAN_ONDIR, AT_FDCWD, ".")) SKIP("no mark: %s", strerror(errno));
  victim_wait();
  mkdir("new", 0755);
  char event[256];
  CHECK(read(fd, event, sizeof event) > 0, "no event: %s", strerror(errno));
  victim_pass();
}
