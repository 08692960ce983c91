// The driver replaces the library and deletes the program between the checkpoint and the restart: code and
// data that were never touched before must come from the image.
#include "victim.h"

int library_touched(int);
int library_untouched(int);

static const char untouched_data[64 << 10] = {[60000] = 9};
__attribute__((aligned(4096), noinline, section(".text.far"))) static int untouched_code(int x) { return x * 3; }

int main(void) {
  CHECK(library_touched(1) == 1001);
  int (*volatile call)(int) = untouched_code;
  victim_wait();
  CHECK(library_touched(2) == 1002, "the library's data changed");
  CHECK(library_untouched(2) == 2002, "the library's code changed");
  CHECK(call(5) == 15);
  CHECK(((volatile const char *)untouched_data)[60000] == 9);
  victim_pass();
}
