// What `ckpt` and the agent say to each other over the control socket: fixed-size records, one a
// message (SOCK_SEQPACKET), little-endian, no padding.
//
// `ckpt` listens on the abstract address "\0ckpt-" + 16 hexadecimal digits of a random value and
// queues the trigger signal with that value (si_code SI_QUEUE). The agent connects, both look at
// SO_PEERCRED, `ckpt` sends a ckpt_request, the agent sends ckpt_report records, of which the last
// has kind DONE or FAILED; after DONE `ckpt` answers with a ckpt_commit. The agent never waits
// longer than CKPT_PROTOCOL_PATIENCE for `ckpt`, and goes on without it.
#pragma once
#include <stdint.h>

#define CKPT_PROTOCOL_VERSION 1u
#define CKPT_PROTOCOL_PATIENCE 5000000000ull  // ns
// The top 16 bits of every random value, to tell ours from a program's own sigqueue(3).
#define CKPT_PROTOCOL_TOKEN_TAG 0xc4b7ull
#define CKPT_PROTOCOL_PATH_BYTES 4096

enum : uint32_t {
  CKPT_REQUEST_DESCRIPTOR = 1,  // SCM_RIGHTS carries the file to write to; `ckpt` renames it
  CKPT_REQUEST_KILL = 2,        // end the process once `ckpt` has committed
};

// Followed by path_bytes of path (none with CKPT_REQUEST_DESCRIPTOR: the default is used when it is
// empty) and label_bytes of label.
struct ckpt_request {
  uint32_t version, flags;
  uint64_t token;
  int32_t sampled_tid;          // thread that got the signal, 0: any
  uint32_t path_bytes, label_bytes, reserved;
  int64_t sampled_call;         // the system call it was in before, -1: none, -2: not known
  uint64_t sampled_sp, sampled_pc, sampled_waited;
};

enum : uint32_t {
  CKPT_REPORT_PROGRESS = 1,
  CKPT_REPORT_DONE = 2,    // followed by path_bytes of path
  CKPT_REPORT_FAILED = 3,  // likewise: what it was about, if it has a name
};

struct ckpt_report {
  uint32_t version, kind;
  uint64_t bytes_done, bytes_total;  // of the image
  uint64_t pause, duration;          // ns: the program stood still; until safe on disk
  uint32_t threads, counter;
  uint32_t step;                     // when failed: CaptureFailure.Step
  int32_t error;                     // errno, 0: none
  uint64_t subject, detail;          // TID, descriptor, address, by step
  uint32_t path_bytes, reserved;
};

enum : uint32_t { CKPT_COMMIT_KEEP = 1, CKPT_COMMIT_DISCARD = 2 };
struct ckpt_commit { uint32_t version, decision; };
