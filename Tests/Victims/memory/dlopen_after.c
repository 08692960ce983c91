// Libraries can be loaded after the restart, and one that was loaded before can be used, looked up and closed.
#include <dlfcn.h>
#include "victim.h"

int main(void) {
  void *before = dlopen("libm.so.6", RTLD_NOW);
  if (!before) SKIP("no libm.so.6");
  double (*cosine)(double) = (double (*)(double))dlsym(before, "cos");
  victim_wait();
  CHECK(cosine(0) == 1);
  double (*sine)(double) = (double (*)(double))dlsym(before, "sin");
  CHECK(sine && sine(0) == 0, "dlsym in the old library");
  void *after = dlopen("libresolv.so.2", RTLD_NOW);
  CHECK(after, "dlopen: %s", dlerror());
  CHECK(dlsym(after, "ns_initparse"), "dlsym: %s", dlerror());
  CHECK(dlclose(after) == 0 && dlclose(before) == 0);
  victim_pass();
}
