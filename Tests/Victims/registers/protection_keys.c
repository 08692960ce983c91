// A memory protection key stays on its region, and the rights in PKRU stay with the thread.
#include "victim.h"

int main(void) {
  int key = pkey_alloc(0, PKEY_DISABLE_WRITE);
  if (key < 0) SKIP("no memory protection keys: %s", strerror(errno));
  char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  page[0] = 'k';
  MUST(pkey_mprotect(page, PAGE, PROT_READ | PROT_WRITE, key));
  victim_wait();
  CHECK(pkey_get(key) == PKEY_DISABLE_WRITE, "rights of key %d are %d", key, pkey_get(key));
  CHECK(page[0] == 'k');
  int zero = open("/dev/zero", O_RDONLY);
  CHECK(read(zero, page, 1) == -1 && errno == EFAULT, "the region lost its key");
  pkey_set(key, 0);
  page[0] = 'w';
  victim_pass();
}
