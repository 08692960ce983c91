// What the detail of a ckpt_file holds, by its kind.
//
// A detail is a ckpt_file_common, then `kind_bytes` of the kind's own record (with its array, if it
// has one), then `lock_count` times a ckpt_file_lock. All of it is a multiple of 8 bytes.
#pragma once
#include <stdint.h>

struct ckpt_file_common {
  uint32_t kind_bytes, lock_count;
  int32_t owner_type, owner;  // fcntl(F_GETOWN_EX); owner 0: none
  uint32_t owner_signal;      // fcntl(F_GETSIG)
  uint32_t reserved;
};

enum : uint32_t { CKPT_LOCK_POSIX = 1, CKPT_LOCK_DESCRIPTION = 2, CKPT_LOCK_FLOCK = 3 };
struct ckpt_file_lock {
  uint32_t kind, exclusive;
  uint64_t start, byte_count;  // byte_count 0: to the end
};

// CKPT_FILE_DEVICE
struct ckpt_file_device { uint64_t number; };  // st_rdev

// CKPT_FILE_TERMINAL: struct termios2 (include/uapi/asm-generic/termbits.h).
struct ckpt_file_terminal {
  uint32_t modes[11];
  int32_t standard;  // 0, 1 or 2 when the program had it there, -1: not
};

// CKPT_FILE_PIPE, CKPT_FILE_FIFO: `object` holds the bytes, NONE: none. All ends of a pipe are the
// files of the same device and inode.
enum : uint32_t {
  CKPT_PIPE_MESSAGES = 1,      // packet mode: the object holds ckpt_message records
  CKPT_PIPE_PEER_OUTSIDE = 2,  // the other end is another process's
};
struct ckpt_file_pipe {
  uint32_t capacity, flags;
  int32_t standard;  // with PEER_OUTSIDE: which of `restart`'s own it becomes, -1: closed by its peer
  uint32_t reserved;
};

// A message in an object of kind CKPT_OBJECT_BYTES; its bytes follow, then the next one.
struct ckpt_message { uint32_t byte_count; };

// CKPT_FILE_EVENTFD
struct ckpt_file_eventfd { uint64_t count; uint32_t semaphore, reserved; };

// CKPT_FILE_EPOLL: an array of these.
struct ckpt_epoll_entry {
  int32_t number;   // the descriptor it was added as, which may be closed since
  uint32_t events;
  uint64_t data;
  uint32_t file;    // index of what it watches
  uint32_t reserved;
};

// CKPT_FILE_TIMERFD: times in ns.
struct ckpt_file_timerfd {
  int32_t clock;
  uint32_t settime_flags;
  uint64_t ticks, remaining, interval;
};

// CKPT_FILE_SIGNALFD
struct ckpt_file_signalfd { uint64_t mask; };

// CKPT_FILE_PIDFD: of the process itself (pid > 0) or of one that is gone (pid -1).
struct ckpt_file_pidfd { int32_t pid; uint32_t reserved; };

// CKPT_FILE_INOTIFY: an array of these, in no order.
struct ckpt_inotify_watch {
  int32_t identifier;
  uint32_t mask;
  uint32_t path_offset, path_bytes;  // a ckpt_string
};

// Sockets. `object` holds what was received and not yet read (NONE: nothing).
enum : uint32_t {
  CKPT_SOCKET_UNCONNECTED = 1,
  CKPT_SOCKET_LISTENING = 2,
  CKPT_SOCKET_PAIRED = 3,     // connected to the socket `peer` of this image
  CKPT_SOCKET_CONNECTED = 4,  // a datagram socket with a remote address
  CKPT_SOCKET_LOST = 5,       // its peer is another process: comes back as closed by it
  CKPT_SOCKET_STANDARD = 6,   // likewise, on 0, 1 or 2: becomes `restart`'s own
};
// Socket flags.
enum : uint32_t {
  CKPT_SOCKET_MESSAGES = 1,      // the object holds ckpt_message records
  CKPT_SOCKET_SHUT_READ = 2,
  CKPT_SOCKET_SHUT_WRITE = 4,
  CKPT_SOCKET_PATH_GONE = 8,     // its file was unlinked
  CKPT_SOCKET_BOUND = 16,
};
struct ckpt_socket_address { uint32_t byte_count, reserved; uint64_t bytes[14]; };
struct ckpt_file_socket {
  int32_t family, type, protocol;
  uint32_t state, flags;
  uint32_t peer;       // index of a file, NONE: none
  uint32_t backlog;
  int32_t standard;
  uint32_t path_mode;  // of a Unix socket's file
  uint32_t option_count;
  struct ckpt_socket_address local, remote;
  // ckpt_socket_option follow
};
struct ckpt_socket_option {
  int32_t level, name;
  uint32_t byte_count, reserved;
  uint64_t value[2];
};

#define CKPT_SIZE_IS(type, bytes) \
  _Static_assert(sizeof(struct type) == (bytes), #type " has another size than the format says")
CKPT_SIZE_IS(ckpt_file_common, 24);
CKPT_SIZE_IS(ckpt_file_lock, 24);
CKPT_SIZE_IS(ckpt_file_device, 8);
CKPT_SIZE_IS(ckpt_file_terminal, 48);
CKPT_SIZE_IS(ckpt_file_pipe, 16);
CKPT_SIZE_IS(ckpt_message, 4);
CKPT_SIZE_IS(ckpt_file_eventfd, 16);
CKPT_SIZE_IS(ckpt_epoll_entry, 24);
CKPT_SIZE_IS(ckpt_file_timerfd, 32);
CKPT_SIZE_IS(ckpt_file_signalfd, 8);
CKPT_SIZE_IS(ckpt_file_pidfd, 8);
CKPT_SIZE_IS(ckpt_inotify_watch, 16);
CKPT_SIZE_IS(ckpt_socket_address, 120);
CKPT_SIZE_IS(ckpt_file_socket, 280);
CKPT_SIZE_IS(ckpt_socket_option, 32);
#undef CKPT_SIZE_IS
