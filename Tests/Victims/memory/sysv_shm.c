// An attached System V segment (already marked for removal, so that it is gone once the process is killed)
// keeps its contents, is shared with new children and can be detached.
#include <sys/ipc.h>
#include <sys/shm.h>
#include "victim.h"

int main(void) {
  int id = shmget(IPC_PRIVATE, 16 * PAGE, IPC_CREAT | 0600);
  if (id < 0) SKIP("no System V shared memory: %s", strerror(errno));
  char *start = MUST(shmat(id, NULL, 0));
  shmctl(id, IPC_RMID, NULL);
  victim_fill(start, 16 * PAGE, 4);
  victim_wait();
  CHECK(victim_filled(start, 16 * PAGE, 4), "contents changed");
  if (fork() == 0) {
    start[0] = 'c';
    _exit(0);
  }
  wait(NULL);
  CHECK(start[0] == 'c', "no longer shared with a child");
  victim_pass();
}
