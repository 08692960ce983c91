// A FIFO (a pipe with a name) comes back with the bytes in it, and others can open it by its name.
#include "victim.h"

int main(void) {
  unlink("fifo");
  MUST(mkfifo("fifo", 0600));
  int both = MUST(open("fifo", O_RDWR));
  int reader = MUST(open("fifo", O_RDONLY | O_NONBLOCK));
  MUST(write(both, "waiting", 7));
  victim_wait();
  char text[16] = "";
  CHECK(read(reader, text, 16) == 7 && !strcmp(text, "waiting"), "read '%s'", text);
  int writer = open("fifo", O_WRONLY | O_NONBLOCK);
  CHECK(writer >= 0 && write(writer, "new", 3) == 3, "by name: %s", strerror(errno));
  CHECK(read(both, text, 16) == 3 && !memcmp(text, "new", 3));
  victim_pass();
}
