// The records of a checkpoint image: what the notes named "CKPT" hold.
//
// C, because only C promises a layout, and because any other program may include this file.
// All integers are little-endian; every struct is free of padding (checked below). The prose is
// in docs/IMAGE.md. A note's descriptor is a `ckpt_table` followed by `count` entries of
// `entry_bytes` each; a reader takes the fields it knows and skips the rest of a longer entry.
#pragma once
#include <stdint.h>

#define CKPT_FORMAT_VERSION 2u
#define CKPT_NOTE_OWNER "CKPT"
#define CKPT_NONE 0xffffffffu

// Note types. A reader that meets an unknown type skips it, unless CKPT_NT_REQUIRED is set in it.
enum : uint32_t {
  CKPT_NT_REQUIRED = 0x10000,
  CKPT_NT_IMAGE = 0x10001,        // ckpt_image, one entry
  CKPT_NT_PROCESS = 0x10002,      // ckpt_process, one entry
  CKPT_NT_MACHINE = 0x10003,      // ckpt_machine, one entry
  CKPT_NT_AGENT = 0x10004,        // ckpt_agent, one entry
  CKPT_NT_STRINGS = 0x10005,      // bytes; every ckpt_string points in here
  CKPT_NT_DETAILS = 0x10006,      // bytes; every ckpt_detail points in here (8-byte aligned)
  CKPT_NT_THREADS = 0x10007,      // ckpt_thread
  CKPT_NT_REGIONS = 0x10008,      // ckpt_region, in address order
  CKPT_NT_RUNS = 0x10009,         // ckpt_run, in address order
  CKPT_NT_OBJECTS = 0x1000a,      // ckpt_object
  CKPT_NT_EXTENTS = 0x1000b,      // ckpt_extent, by object, in offset order
  CKPT_NT_FILES = 0x1000c,        // ckpt_file: open file descriptions
  CKPT_NT_DESCRIPTORS = 0x1000d,  // ckpt_descriptor, in number order
  CKPT_NT_SIGNALS = 0x0000e,      // ckpt_signal_action, 64 entries, signal 1 first
  CKPT_NT_PENDING = 0x0000f,      // ckpt_pending_signal
  CKPT_NT_TIMERS = 0x00010,       // ckpt_timer: interval and POSIX timers
  CKPT_NT_LIMITS = 0x00011,       // ckpt_limit, in RLIMIT_ order
  CKPT_NT_XSTATE = 0x00012,       // ckpt_xstate_component
  CKPT_NT_PARENT = 0x10013,       // ckpt_parent, one entry; there when ckpt_image has a parent
};

struct ckpt_table {
  uint32_t version;      // of the entry's layout; 1
  uint32_t entry_bytes;  // size of one entry
  uint64_t count;
};

// A piece of the CKPT_NT_STRINGS note. Not terminated. byte_count 0: absent.
struct ckpt_string { uint32_t offset, byte_count; };
// A piece of the CKPT_NT_DETAILS note.
struct ckpt_detail { uint32_t offset, byte_count; };

struct ckpt_image {
  uint64_t identity_low, identity_high;  // random, of this image
  uint64_t parent_low, parent_high;      // of the image it is a change to; 0: it stands alone
  uint32_t format_version;               // CKPT_FORMAT_VERSION
  uint32_t counter;                      // how many-th checkpoint of this process, from 1
  uint64_t realtime;                     // ns since 1970, when the process stood still
  uint64_t monotonic, boottime;          // ns, the process's own clocks at that moment
  uint64_t page_bytes;                   // 4096
  struct ckpt_string label;              // `ckpt save --label`
  uint64_t series;                       // random, of the process; restarts keep it
};

// No chain of images is longer.
#define CKPT_DEPTH_LIMIT 4096u

// Where to find the image that has what is CKPT_RUN_PARENT.
struct ckpt_parent {
  uint64_t identity_low, identity_high;  // as in ckpt_image
  struct ckpt_string name;               // of its file, looked for beside this image first
  struct ckpt_string path;               // absolute, when this image was written
  uint32_t depth;                        // images that this one needs: 1 when the parent stands alone
  uint32_t reserved;
};

// Process flags.
enum : uint32_t {
  CKPT_PROCESS_NO_NEW_PRIVILEGES = 1,
  CKPT_PROCESS_SUBREAPER = 2,
  CKPT_PROCESS_DUMPABLE = 4,
  CKPT_PROCESS_THP_DISABLED = 8,
  CKPT_PROCESS_KEEP_CAPABILITIES = 16,
  CKPT_PROCESS_HAS_TERMINAL = 32,  // had a controlling terminal
};

struct ckpt_process {
  int32_t pid, parent, group, session;
  uint32_t uid, euid, suid, fsuid;
  uint32_t gid, egid, sgid, fsgid;
  uint32_t flags, umask, personality, death_signal;
  uint32_t securebits, oom_score_adjust;
  int32_t terminal_group, terminal_device;
  uint64_t capabilities_effective, capabilities_permitted, capabilities_inheritable;
  uint64_t capabilities_bounding, capabilities_ambient;
  uint64_t start_code, end_code, start_data, end_data, start_brk, brk, start_stack;
  uint64_t arg_start, arg_end, env_start, env_end;
  struct ckpt_string name, executable, directory, root, command_line;
  struct ckpt_detail groups;  // supplementary groups, uint32_t each
  struct ckpt_detail auxv;    // as /proc/PID/auxv
};

struct ckpt_machine {
  uint64_t xcr0;
  uint32_t xsave_bytes, frame_xstate_bytes;  // CPUID 0xD; what a signal frame held
  uint32_t vendor_b, vendor_d, vendor_c, signature;  // CPUID 0, CPUID 1 eax
  uint32_t features_1c, features_1d, features_7b, features_7c;  // CPUID 1 and 7
  uint32_t features_7d, features_71a, features_81c, features_81d;
  uint64_t vdso_start, vdso_bytes, vvar_start, vvar_bytes;  // vvar: all of its regions together
  uint64_t vdso_digest;
  struct ckpt_string kernel_release, host_name, cpu_name;
};

// A component of the XSAVE area (CPUID 0xD, sub-leaf `component`).
struct ckpt_xstate_component { uint32_t component, offset, byte_count, flags; };

struct ckpt_agent {
  uint64_t entry;                     // address to jump to, with the stack pointer at stack_top
  uint64_t stack_top;                 // 16-byte aligned
  uint64_t handoff;                   // where `restart` leaves a ckpt_handoff before it jumps
  uint64_t arena_start, arena_bytes;  // what the agent keeps for the restart
  uint32_t handoff_version;           // CKPT_HANDOFF_VERSION
  uint32_t trigger_signal;
};

// Thread flags.
enum : uint32_t {
  CKPT_THREAD_MAIN = 1,     // TID == PID
  CKPT_THREAD_LEADER = 2,   // took the checkpoint
  CKPT_THREAD_EXITED = 4,   // the main thread, gone by exit(2) while others run on
  CKPT_THREAD_RESTARTED_CALL = 8,  // was in a system call that is made again
};

struct ckpt_thread {
  int32_t tid;
  uint32_t flags;
  uint64_t frame;  // address of its ucontext, for rt_sigreturn(2)
  uint64_t fs_base, gs_base;
  uint64_t robust_list, robust_list_bytes, clear_child_tid;
  uint64_t rseq;
  uint32_t rseq_bytes, rseq_signature;
  uint32_t policy, priority;
  int32_t nice;
  uint32_t io_priority;
  uint64_t timer_slack;  // ns
  uint64_t deadline_runtime, deadline_deadline, deadline_period;  // SCHED_DEADLINE, ns
  uint64_t scheduling_flags;
  uint64_t name_low, name_high;  // 16 bytes, NUL-padded
  uint64_t signal_mask;
  uint64_t capabilities_effective, capabilities_permitted, capabilities_inheritable;
  struct ckpt_detail affinity;  // as sched_getaffinity(2)
  int64_t system_call;          // number of the call it was blocked in, -1: none
  uint64_t waited;              // ns since that call began, 0: not known
  struct ckpt_string waits_in;  // reserved for the inspector; absent
};

// What a region shows.
enum : uint32_t {
  CKPT_REGION_ANONYMOUS = 1,
  CKPT_REGION_PRIVATE_FILE = 2,
  CKPT_REGION_SHARED = 3,       // shows the object `object`
  CKPT_REGION_SHARED_FILE = 4,  // shows a named file that must be there at restart
  CKPT_REGION_VDSO = 5,
  CKPT_REGION_VVAR = 6,
  CKPT_REGION_VSYSCALL = 7,
};

// Region flags.
enum : uint32_t {
  CKPT_REGION_HEAP = 1,
  CKPT_REGION_STACK = 2,
  CKPT_REGION_GROWS_DOWN = 4,
  CKPT_REGION_NO_RESERVE = 8,
  CKPT_REGION_HUGE_TLB = 16,
  CKPT_REGION_HUGE_PAGES = 32,      // MADV_HUGEPAGE
  CKPT_REGION_NO_HUGE_PAGES = 64,   // MADV_NOHUGEPAGE
  CKPT_REGION_DONT_FORK = 128,
  CKPT_REGION_WIPE_ON_FORK = 256,   // its contents are not saved
  CKPT_REGION_DONT_DUMP = 512,
  CKPT_REGION_LOCKED = 1024,
  CKPT_REGION_LOCKED_ON_FAULT = 2048,
  CKPT_REGION_MERGEABLE = 4096,
  CKPT_REGION_SEALED = 8192,
  CKPT_REGION_SEQUENTIAL = 16384,
  CKPT_REGION_RANDOM = 32768,
  CKPT_REGION_ARENA = 65536,        // the agent's own
  CKPT_REGION_WRITABLE_FILE = 131072,  // shared: may be made writable (VmFlags mw)
  CKPT_REGION_DROPPABLE = 262144,   // MAP_DROPPABLE; its contents are not saved
};

struct ckpt_region {
  uint64_t start, end;
  uint64_t file_offset;  // bytes, of `start` in the file or object
  uint64_t inode, device;  // as stat(2) gives them
  uint32_t kind, flags;
  uint32_t protection;  // PROT_ bits
  uint32_t protection_key;
  uint32_t object;      // index, CKPT_NONE: none
  uint32_t file;        // CKPT_REGION_PRIVATE_FILE: regions of one file have one number; else NONE
  uint64_t huge_page_bytes;
  uint64_t first_run, run_count;
  struct ckpt_string path;
};

// Where the bytes of a run live.
enum : uint32_t {
  CKPT_RUN_HERE = 1,    // in this image, at file_offset
  CKPT_RUN_ZERO = 2,    // zero bytes
  CKPT_RUN_PARENT = 3,  // what the parent image has at this address
  CKPT_RUN_FILE = 4,    // in the file that the region shows, at file_offset of that
  CKPT_RUN_GUARD = 5,   // MADV_GUARD_INSTALL
  CKPT_RUN_OBJECT = 6,  // in the region's object; file_offset points there
};
// Run flags.
enum : uint32_t { CKPT_RUN_CLEAN = 1 };  // private file: the file's own bytes, not written by the process

struct ckpt_run {
  uint64_t address, byte_count;
  uint64_t file_offset;
  uint32_t kind, flags;
  uint32_t region, reserved;
};

// What an object is.
enum : uint32_t {
  CKPT_OBJECT_SHARED_ANONYMOUS = 1,
  CKPT_OBJECT_MEMFD = 2,
  CKPT_OBJECT_SYSV = 3,
  CKPT_OBJECT_UNLINKED_FILE = 4,
  CKPT_OBJECT_BYTES = 5,        // what a queue held: a pipe's, a socket's
  CKPT_OBJECT_SHARED_FILE = 6,  // a copy of a file mapped read-only and shared
};

// Contents that more than one region or descriptor may show.
struct ckpt_object {
  uint32_t kind, flags;
  uint64_t device, inode;
  uint64_t byte_count;  // its size; what no extent covers is zero
  uint64_t first_extent, extent_count;
  uint32_t seals, mode;
  struct ckpt_string name;
  int64_t modified_seconds, modified_nanoseconds;
  int32_t sysv_id, sysv_key;
};

struct ckpt_extent { uint64_t offset, byte_count, file_offset; };

// Kinds of open file description. What the detail holds is in ckpt_files.h, by kind.
enum : uint32_t {
  CKPT_FILE_REGULAR = 1,
  CKPT_FILE_DIRECTORY = 2,
  CKPT_FILE_UNLINKED = 3,  // contents in `object`
  CKPT_FILE_DEVICE = 4,    // /dev/null and its kin
  CKPT_FILE_TERMINAL = 5,
  CKPT_FILE_PIPE = 6,
  CKPT_FILE_FIFO = 7,
  CKPT_FILE_EVENTFD = 8,
  CKPT_FILE_EPOLL = 9,
  CKPT_FILE_TIMERFD = 10,
  CKPT_FILE_SIGNALFD = 11,
  CKPT_FILE_MEMFD = 12,  // contents in `object`
  CKPT_FILE_UNIX_SOCKET = 13,
  CKPT_FILE_INET_SOCKET = 14,
  CKPT_FILE_INOTIFY = 15,
  CKPT_FILE_PIDFD = 16,
  CKPT_FILE_NETLINK_SOCKET = 17,
};

// An open file description: what dup(2) shares.
struct ckpt_file {
  uint32_t kind, status_flags;  // O_ bits as fcntl(F_GETFL)
  uint64_t position;
  uint64_t device, inode;
  uint64_t byte_count;  // size, when it has one
  uint32_t mode, object;
  struct ckpt_string path;
  struct ckpt_detail detail;
};

struct ckpt_descriptor {
  int32_t number;
  uint32_t flags;  // FD_CLOEXEC
  uint32_t file;   // index
  uint32_t reserved;
};

struct ckpt_signal_action { uint64_t handler, flags, restorer, mask; };

struct ckpt_pending_signal {
  int32_t tid;  // 0: pending for the process
  uint32_t signal;
  uint64_t information[16];  // siginfo_t
};

enum : uint32_t { CKPT_TIMER_INTERVAL = 1, CKPT_TIMER_POSIX = 2 };
struct ckpt_timer {
  uint32_t kind;
  int32_t identifier;  // ITIMER_ or POSIX timer id
  int32_t clock, notify, signal, tid;
  uint64_t value;                // sigev_value
  uint64_t interval, remaining;  // ns; remaining 0: disarmed
};

struct ckpt_limit { uint64_t current, maximum; };

// What `restart` tells the agent that wakes up in its restored memory.
#define CKPT_HANDOFF_VERSION 3u
enum : uint32_t {
  CKPT_HANDOFF_FRESH_PIDS = 1,
  CKPT_HANDOFF_PRIVATE_PIDS = 2,  // in a user namespace of its own: capabilities must go
};
struct ckpt_handoff {
  uint32_t version, flags;
  uint64_t own_start, own_end;          // `restart` itself, to be unmapped
  uint64_t scratch_start, scratch_end;  // and what it has mapped besides; may be empty
  int32_t status_descriptor;            // a pipe: 4 bytes 0 when all is well, else a ckpt_failure
  int32_t executable_descriptor;        // for PR_SET_MM_MAP, -1: none
  int64_t monotonic_shift;              // ns to add to a saved CLOCK_MONOTONIC time; 0 in a time namespace
  uint64_t lazy;                        // address of a ckpt_lazy; 0: all memory is there
  uint64_t arguments;                   // address of a ckpt_restart_arguments
};

// What a restart was given. In a mapping of its own, which starts with this; the agent keeps it until
// the next restart.
struct ckpt_restart_arguments {
  uint64_t argc;
  uint64_t argv, envp;  // addresses of arrays of addresses, each ended by 0
  uint64_t byte_count;  // of the mapping
};

// What the agent and the process that still reads memory (`restart --lazy`) tell each other. That
// process unmaps `restart`, with this in it, when all is there.
struct ckpt_lazy {
  uint64_t whole;           // address of a byte that can be read when all is there; then it is unmapped
  uint64_t unmap_and_exit;  // the agent's function that unmaps two ranges and ends the caller
  uint32_t traces;          // 1: nothing of the program may run before `watched` is 1
  uint32_t woken;           // set by the agent: 1, all threads are there, and wait; 2, they go on
  uint32_t watched;         // a futex
  uint32_t reserved;
};

// What the agent reports when it can't go on, to `restart` and to `ckpt`.
struct ckpt_failure {
  uint32_t step;   // CaptureFailure.Step / WakeFailure.Step
  int32_t error;   // errno, 0: none
  uint64_t subject, detail;
};

// The end of the file: a section ".ckpt.digests": a ckpt_digest_header, a digest of each block of
// CKPT_BLOCK_PIECES digests (the last may be shorter), and then the `count` digests.
// Pieces are, in table order, every CKPT_RUN_HERE and CKPT_RUN_FILE run and then every extent, cut at
// CKPT_PIECE_BYTES.
#define CKPT_DIGEST_MAGIC 0x3253544754504b43ull  // "CKPTGTS2"
#define CKPT_PIECE_BYTES 4096ull
#define CKPT_BLOCK_PIECES 4096ull
struct ckpt_digest_header {
  uint64_t magic;
  uint64_t identity_low, identity_high;  // as in CKPT_NT_IMAGE
  uint64_t head_bytes;                   // from 0 up to the end of the notes
  uint64_t head_digest;                  // XXH3-64 of those bytes
  uint64_t piece_bytes, count;
  uint64_t table_digest;  // XXH3-64 of this header, this field 0, and the digests of blocks
};

#define CKPT_SIZE_IS(type, bytes) \
  _Static_assert(sizeof(struct type) == (bytes), #type " has another size than the format says")
CKPT_SIZE_IS(ckpt_table, 16);
CKPT_SIZE_IS(ckpt_image, 88);
CKPT_SIZE_IS(ckpt_parent, 40);
CKPT_SIZE_IS(ckpt_process, 264);
CKPT_SIZE_IS(ckpt_machine, 128);
CKPT_SIZE_IS(ckpt_agent, 48);
CKPT_SIZE_IS(ckpt_thread, 208);
CKPT_SIZE_IS(ckpt_region, 96);
CKPT_SIZE_IS(ckpt_run, 40);
CKPT_SIZE_IS(ckpt_object, 88);
CKPT_SIZE_IS(ckpt_extent, 24);
CKPT_SIZE_IS(ckpt_file, 64);
CKPT_SIZE_IS(ckpt_descriptor, 16);
CKPT_SIZE_IS(ckpt_pending_signal, 136);
CKPT_SIZE_IS(ckpt_timer, 48);
CKPT_SIZE_IS(ckpt_handoff, 72);
CKPT_SIZE_IS(ckpt_restart_arguments, 32);
CKPT_SIZE_IS(ckpt_lazy, 32);
CKPT_SIZE_IS(ckpt_failure, 24);
CKPT_SIZE_IS(ckpt_digest_header, 64);
#undef CKPT_SIZE_IS
