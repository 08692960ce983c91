// A BPF map can't be restored: refused by that name, and its entries stay.
#include <linux/bpf.h>
#include "victim.h"

static long bpf(int command, union bpf_attr *attributes) { return syscall(SYS_bpf, command, attributes, sizeof *attributes); }

int main(void) {
  union bpf_attr make = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 4};
  int fd = bpf(BPF_MAP_CREATE, &make);
  if (fd < 0) SKIP("no BPF maps: %s", strerror(errno));
  uint32_t key = 2;
  uint64_t value = 42, seen = 0;
  union bpf_attr entry = {.map_fd = fd, .key = (uintptr_t)&key, .value = (uintptr_t)&value};
  MUST(bpf(BPF_MAP_UPDATE_ELEM, &entry));
  victim_wait();
  entry.value = (uintptr_t)&seen;
  CHECK(bpf(BPF_MAP_LOOKUP_ELEM, &entry) == 0 && seen == 42, "the map holds %lu", seen);
  victim_pass();
}
