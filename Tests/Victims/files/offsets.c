// Regular files come back open at their numbers, with offset, access mode and status flags; O_APPEND still
// appends, and a stdio stream over one goes on in mid-line.
#include "victim.h"

int main(void) {
  int read_only = MUST(open("data", O_RDWR | O_CREAT | O_TRUNC, 0644));
  MUST(write(read_only, "0123456789", 10));
  close(read_only);
  read_only = MUST(open("data", O_RDONLY));
  lseek(read_only, 4, SEEK_SET);
  int log = MUST(open("log", O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_SYNC, 0600));
  MUST(write(log, "one\n", 4));
  int high = MUST(fcntl(read_only, F_DUPFD, 77));
  close(read_only);
  int past = MUST(open("data", O_RDWR));
  lseek(past, 1 << 20, SEEK_SET);
  FILE *stream = fopen("stream", "w");
  fprintf(stream, "first half, ");
  int flags = fcntl(log, F_GETFL), read_flags = fcntl(high, F_GETFL);
  int lowest = MUST(open("data", O_RDONLY));
  close(lowest);
  victim_wait();
  char text[16] = "";
  CHECK(high == 77 && read(high, text, 3) == 3 && !strcmp(text, "456"), "read '%s'", text);
  CHECK(fcntl(high, F_GETFL) == read_flags && write(high, "x", 1) == -1 && errno == EBADF);
  CHECK(lseek(past, 0, SEEK_CUR) == 1 << 20);
  CHECK(fcntl(log, F_GETFL) == flags, "flags are %x, were %x", fcntl(log, F_GETFL), flags);
  lseek(log, 0, SEEK_SET);
  CHECK(write(log, "two\n", 4) == 4);
  int check = open("log", O_RDONLY);
  CHECK(check == lowest, "a new descriptor has number %d", check);  // the lowest that is free
  CHECK(read(check, text, 16) == 8 && !memcmp(text, "one\ntwo\n", 8), "the log holds '%s'", text);
  fprintf(stream, "second half\n");
  fclose(stream);
  char whole[64] = "";
  read(open("stream", O_RDONLY), whole, 63);
  CHECK(!strcmp(whole, "first half, second half\n"), "the stream holds '%s'", whole);
  victim_pass();
}
