// A directory descriptor still serves openat and fchdir, an O_PATH one too, and a half-read directory stream
// gives each remaining entry once.
#include <dirent.h>
#include "victim.h"

int main(void) {
  mkdir("dir", 0755);
  for (int i = 0; i < 20; i++) {
    char name[16];
    snprintf(name, sizeof name, "dir/%02d", i);
    close(MUST(creat(name, 0644)));
  }
  int directory = MUST(open("dir", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  int path = MUST(open("dir", O_PATH));
  DIR *stream = opendir("dir");
  int seen[20] = {0}, total = 0;
  struct dirent *entry;
  for (int i = 0; i < 8; i++)
    if ((entry = readdir(stream)) && entry->d_name[0] != '.') seen[atoi(entry->d_name)]++;
  victim_wait();
  while ((entry = readdir(stream)))
    if (entry->d_name[0] != '.') seen[atoi(entry->d_name)]++;
  for (int i = 0; i < 20; i++) total += seen[i] == 1;
  CHECK(total == 20, "%d of 20 entries were seen once", total);
  CHECK(openat(directory, "03", O_RDONLY) >= 0, "openat: %s", strerror(errno));
  CHECK(openat(path, "04", O_RDONLY) >= 0, "openat on O_PATH: %s", strerror(errno));
  CHECK(fcntl(path, F_GETFL) & O_PATH);
  CHECK(fchdir(directory) == 0 && access("05", F_OK) == 0);
  victim_pass();
}
