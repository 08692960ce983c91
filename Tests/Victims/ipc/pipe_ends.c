// A pipe of which only one end is left: the reader gets what was in it and then the end of file, the writer
// gets EPIPE. A duplicate of an end counts as one.
#include "victim.h"

int main(void) {
  signal(SIGPIPE, SIG_IGN);
  int reader[2], writer[2], twice[2];
  MUST(pipe(reader));
  MUST(pipe(writer));
  MUST(pipe(twice));
  MUST(write(reader[1], "left", 4));
  close(reader[1]);
  close(writer[0]);
  int again = MUST(dup(twice[1]));
  victim_wait();
  char text[16] = "";
  CHECK(read(reader[0], text, 16) == 4 && !strcmp(text, "left"), "the reader got '%s'", text);
  CHECK(read(reader[0], text, 16) == 0, "no end of file");
  CHECK(write(writer[1], "x", 1) == -1 && errno == EPIPE, "the writer got %s", strerror(errno));
  close(twice[1]);
  CHECK(write(again, "y", 1) == 1);
  close(again);
  CHECK(read(twice[0], text, 16) == 1 && read(twice[0], text, 16) == 0, "end of file after the last duplicate");
  victim_pass();
}
