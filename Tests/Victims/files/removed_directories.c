// A working directory and an open one that were removed: empty, and nothing can be made in them.
#include <dirent.h>
#include "victim.h"

int main(void) {
  int up = MUST(open(".", O_PATH | O_DIRECTORY));
  mkdir("here", 0755);
  mkdir("there", 0755);
  int there = MUST(open("there", O_RDONLY | O_DIRECTORY));
  MUST(chdir("here"));
  MUST(rmdir("../here"));

  MUST(unlinkat(up, "there", AT_REMOVEDIR));
  victim_wait();
  char name[256];
  CHECK(getcwd(name, sizeof name) == NULL && errno == ENOENT, "the working directory is %s", name);
  CHECK(open("file", O_CREAT | O_WRONLY, 0600) == -1 && errno == ENOENT, "a file was made: %s", strerror(errno));
  CHECK(openat(there, "file", O_CREAT | O_WRONLY, 0600) == -1 && errno == ENOENT);
  DIR *folder = fdopendir(there);
  CHECK(folder && readdir(folder) == NULL, "it is not empty");
  victim_pass();
}
