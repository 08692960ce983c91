// A userfaultfd that a program holds can't be restored: refused by that name, and its faults are still served.
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include "victim.h"

#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif
static int fd;

static void *server(void *page) {
  struct uffd_msg message;
  if (read(fd, &message, sizeof message) != sizeof message) FAIL("no fault arrived");
  static char data[PAGE] __attribute__((aligned(4096))) = {'f'};
  struct uffdio_copy copy = {.dst = (uintptr_t)page, .src = (uintptr_t)data, .len = PAGE};
  ioctl(fd, UFFDIO_COPY, &copy);
  return NULL;
}

int main(void) {
  fd = syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
  if (fd < 0) SKIP("no userfaultfd: %s", strerror(errno));
  struct uffdio_api api = {.api = UFFD_API};
  MUST(ioctl(fd, UFFDIO_API, &api));
  char *page = MUST(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  struct uffdio_register range = {.range = {(uintptr_t)page, PAGE}, .mode = UFFDIO_REGISTER_MODE_MISSING};
  MUST(ioctl(fd, UFFDIO_REGISTER, &range));
  victim_wait();
  pthread_t thread;
  pthread_create(&thread, NULL, server, page);
  CHECK(*(volatile char *)page == 'f', "the fault was not served");
  pthread_join(thread, NULL);
  victim_pass();
}
