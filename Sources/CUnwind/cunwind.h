// libunwind's accessors for core files, in a form that Swift can call: its own names are macros,
// and a table of call-backs can't be filled from Swift. Header only.
//
// Registers and memory come from the image by _UCD_access_reg and _UCD_access_mem. The unwind
// tables do too: libunwind would look for them in the files that the program was made of, which
// may be gone, and takes one segment for a whole file; the image has them in its memory.
#pragma once
#include <libunwind-coredump.h>
#include <stdlib.h>

// Code with an .eh_frame_hdr whose table is sorted: what every linker makes.
struct cunwind_module {
  uint64_t start, end;  // of the code
  uint64_t header;      // address of .eh_frame_hdr
  uint64_t table;       // address of its table, of `count` pairs of 32-bit offsets
  uint64_t count;
};

// Finds a word of memory that the image itself does not have. Returns 0 when there is none.
typedef int (*cunwind_reader)(void *context, uint64_t address, uint64_t *value);

struct cunwind_core {
  struct UCD_info *info;
  unw_addr_space_t space;
  struct cunwind_module *modules;
  uint64_t module_count;
  cunwind_reader reader;  // may be 0
  void *context;          // for the reader
};

// Exported by libunwind-x86_64, for callers that keep their own tables; in no header of it.
extern int _Ux86_64_dwarf_search_unwind_table(
    unw_addr_space_t, unw_word_t, unw_dyn_info_t *, unw_proc_info_t *, int, void *);

static inline int cunwind_find_proc_info(
    unw_addr_space_t space, unw_word_t ip, unw_proc_info_t *info, int need, void *argument) {
  struct cunwind_core *core = argument;
  for (uint64_t index = 0; index < core->module_count; index++) {
    struct cunwind_module module = core->modules[index];
    if (ip < module.start || ip >= module.end) continue;
    unw_dyn_info_t table = {.start_ip = module.start, .end_ip = module.end};
    table.format = UNW_INFO_FORMAT_REMOTE_TABLE;
    table.u.rti.segbase = module.header;
    table.u.rti.table_data = module.table;
    table.u.rti.table_len = module.count * 8 / sizeof(unw_word_t);
    return _Ux86_64_dwarf_search_unwind_table(space, ip, &table, info, need, argument);
  }
  return -UNW_ENOINFO;
}

static inline void cunwind_put_unwind_info(
    unw_addr_space_t space, unw_proc_info_t *info, void *argument) {
  (void)space, (void)info, (void)argument;
}
static inline int cunwind_get_list(unw_addr_space_t space, unw_word_t *list, void *argument) {
  (void)space, (void)list, (void)argument;
  return -UNW_ENOINFO;
}
static inline int cunwind_access_mem(
    unw_addr_space_t space, unw_word_t address, unw_word_t *value, int write, void *argument) {
  struct cunwind_core *core = argument;
  int error = _UCD_access_mem(space, address, value, write, core->info);
  uint64_t word = 0;
  if (error == 0 || write || !core->reader || !core->reader(core->context, address, &word)) return error;
  *value = word;
  return 0;
}
static inline int cunwind_access_reg(
    unw_addr_space_t space, unw_regnum_t number, unw_word_t *value, int write, void *argument) {
  return _UCD_access_reg(space, number, value, write, ((struct cunwind_core *)argument)->info);
}
static inline int cunwind_access_fpreg(
    unw_addr_space_t space, unw_regnum_t number, unw_fpreg_t *value, int write, void *argument) {
  return _UCD_access_fpreg(space, number, value, write, ((struct cunwind_core *)argument)->info);
}
static inline int cunwind_resume(unw_addr_space_t space, unw_cursor_t *cursor, void *argument) {
  (void)space, (void)cursor, (void)argument;
  return -UNW_EINVAL;
}
static inline int cunwind_get_proc_name(unw_addr_space_t space, unw_word_t address, char *name,
                                        size_t capacity, unw_word_t *offset, void *argument) {
  (void)space, (void)address, (void)name, (void)capacity, (void)offset, (void)argument;
  return -UNW_ENOINFO;
}

// 0 when libunwind does not take the file for a core.
static inline struct cunwind_core *cunwind_open(const char *path) {
  unw_accessors_t accessors = {
      .find_proc_info = cunwind_find_proc_info,
      .put_unwind_info = cunwind_put_unwind_info,
      .get_dyn_info_list_addr = cunwind_get_list,
      .access_mem = cunwind_access_mem,
      .access_reg = cunwind_access_reg,
      .access_fpreg = cunwind_access_fpreg,
      .resume = cunwind_resume,
      .get_proc_name = cunwind_get_proc_name,
  };
  struct cunwind_core *core = calloc(1, sizeof *core);
  if (!core) return 0;
  core->info = _UCD_create(path);
  core->space = core->info ? unw_create_addr_space(&accessors, 0) : 0;
  if (core->space) {
    // Threads wait in the same few places: what was found out for one serves the next.
    unw_set_caching_policy(core->space, UNW_CACHE_GLOBAL);
    return core;
  }
  if (core->info) _UCD_destroy(core->info);
  free(core);
  return 0;
}

// Who knows memory that the image does not have; `context` has to outlive the core.
static inline void cunwind_set_reader(
    struct cunwind_core *core, cunwind_reader reader, void *context) {
  core->reader = reader;
  core->context = context;
}

static inline void cunwind_close(struct cunwind_core *core) {
  unw_destroy_addr_space(core->space);
  _UCD_destroy(core->info);
  free(core->modules);
  free(core);
}

// Copies the modules. They must not overlap.
static inline int cunwind_set_modules(
    struct cunwind_core *core, const struct cunwind_module *modules, uint64_t count) {
  struct cunwind_module *copy = calloc(count + 1, sizeof *copy);
  if (!copy) return 0;
  for (uint64_t index = 0; index < count; index++) copy[index] = modules[index];
  free(core->modules);
  core->modules = copy;
  core->module_count = count;
  return 1;
}

static inline int cunwind_thread_count(struct cunwind_core *core) {
  return _UCD_get_num_threads(core->info);
}

// Makes a thread the one whose registers are seen. Returns its TID.
static inline int cunwind_select_thread(struct cunwind_core *core, int index) {
  _UCD_select_thread(core->info, index);
  return _UCD_get_pid(core->info);
}

// One word of memory. Returns 0 when the image does not have it.
static inline int cunwind_read(struct cunwind_core *core, uint64_t address, uint64_t *value) {
  unw_word_t word = 0;
  if (cunwind_access_mem(core->space, address, &word, 0, core) != 0) return 0;
  *value = word;
  return 1;
}

// The instruction pointers of the selected thread's calls, innermost first. Returns how many.
static inline uint64_t cunwind_trace(struct cunwind_core *core, uint64_t *frames, uint64_t capacity) {
  unw_cursor_t cursor;
  if (unw_init_remote(&cursor, core->space, core) != 0) return 0;
  uint64_t count = 0;
  unw_word_t last_sp = 0;
  while (count < capacity) {
    unw_word_t ip = 0, sp = 0;
    if (unw_get_reg(&cursor, UNW_REG_IP, &ip) != 0 || ip == 0) break;
    if (unw_get_reg(&cursor, UNW_REG_SP, &sp) != 0) break;
    // Not the same frame for ever where the stack is broken.
    if (count > 0 && sp == last_sp && ip == frames[count - 1]) break;
    frames[count++] = ip;
    last_sp = sp;
    if (unw_step(&cursor) <= 0) break;
  }
  return count;
}
