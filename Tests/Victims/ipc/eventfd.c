// eventfd keeps its count, also as a semaphore, with its flags.
#include <sys/eventfd.h>
#include "victim.h"

int main(void) {
  int counter = MUST(eventfd(5, EFD_CLOEXEC)), semaphore = MUST(eventfd(3, EFD_SEMAPHORE | EFD_NONBLOCK));
  eventfd_write(counter, 1ul << 40);
  int empty = MUST(eventfd(0, EFD_NONBLOCK));
  victim_wait();
  eventfd_t value = 0;
  CHECK(eventfd_read(counter, &value) == 0 && value == (1ul << 40) + 5, "count is %lu", value);
  for (int i = 0; i < 3; i++) CHECK(eventfd_read(semaphore, &value) == 0 && value == 1, "semaphore read %d gives %lu", i, value);
  CHECK(eventfd_read(semaphore, &value) == -1 && errno == EAGAIN);
  CHECK(eventfd_read(empty, &value) == -1 && errno == EAGAIN);
  CHECK(fcntl(counter, F_GETFD) == FD_CLOEXEC);
  victim_pass();
}
