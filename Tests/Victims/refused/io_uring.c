// An io_uring can't be restored: the checkpoint is refused by that name, and the ring goes on working.
#include <linux/io_uring.h>
#include "victim.h"

int main(void) {
  struct io_uring_params parameters = {0};
  int ring = syscall(SYS_io_uring_setup, 4, &parameters);
  if (ring < 0) SKIP("no io_uring: %s", strerror(errno));
  size_t size = parameters.sq_off.array + parameters.sq_entries * 4;
  char *queue = MUST(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQ_RING));
  struct io_uring_sqe *entries = MUST(mmap(NULL, parameters.sq_entries * sizeof *entries, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQES));
  victim_wait();
  memset(&entries[0], 0, sizeof *entries);
  entries[0].opcode = IORING_OP_NOP;
  *(unsigned *)(queue + parameters.sq_off.array) = 0;
  __atomic_add_fetch((unsigned *)(queue + parameters.sq_off.tail), 1, __ATOMIC_SEQ_CST);
  CHECK(syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) == 1, "the ring is broken: %s", strerror(errno));
  victim_pass();
}
