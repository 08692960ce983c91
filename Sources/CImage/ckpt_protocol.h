// What `ckpt` and the agent say to each other over the control socket: fixed-size records, one a
// message (SOCK_SEQPACKET), little-endian, no padding.
//
// `ckpt` listens on the abstract address "\0ckpt-" + 16 hexadecimal digits of a random value and
// queues the trigger signal with that value (si_code SI_QUEUE). The agent connects, both look at
// SO_PEERCRED, `ckpt` sends a ckpt_request, the agent sends ckpt_report records, of which the last
// has kind DONE, FAILED or WAITING; after DONE `ckpt` answers with a ckpt_commit, after WAITING it
// queues the signal again, with the same value, in CKPT_PROTOCOL_PAUSE. The agent never waits
// longer than CKPT_PROTOCOL_PATIENCE for `ckpt`, and goes on without it; with a stream, no longer
// than stream_patience.
#pragma once
#include <stdint.h>

#define CKPT_PROTOCOL_VERSION 4u
#define CKPT_PROTOCOL_PATIENCE 5000000000ull  // ns
#define CKPT_PROTOCOL_PAUSE 100000000ull       // ns
// The top 16 bits of every random value, to tell ours from a program's own sigqueue(3).
#define CKPT_PROTOCOL_TOKEN_TAG 0xc4b7ull
#define CKPT_PROTOCOL_PATH_BYTES 4096

enum : uint32_t {
  CKPT_REQUEST_DESCRIPTOR = 1,  // SCM_RIGHTS carries the file to write to; `ckpt` renames it
  CKPT_REQUEST_KILL = 2,        // end the process once `ckpt` has committed
  CKPT_REQUEST_SYNC = 4,        // write in place, without a copy-on-write clone
  CKPT_REQUEST_INCREMENTAL = 8,  // only what changed, if there is a parent; keep track from now on
  CKPT_REQUEST_FULL = 16,        // all of it, even in a series of incremental ones
  CKPT_REQUEST_PRECOPY = 32,     // copy most of the memory before the program stops
  CKPT_REQUEST_THIN = 64,        // leave out pages that equal their file
  // A snapshot executable; with DESCRIPTOR, a second descriptor is the program `restart`.
  CKPT_REQUEST_EXECUTABLE = 128,
  CKPT_REQUEST_STREAM = 256,     // the descriptor is a pipe or socket: all of it, in one pass
  CKPT_REQUEST_FREEZE = 512,     // stop the process (SIGSTOP) once `ckpt` has committed
  // With STREAM: no image yet. Memory is copied to the stream (ckpt_rounds.h) while the program runs.
  CKPT_REQUEST_ROUNDS = 1024,
  // With STREAM: the image behind such rounds; a frame before it says whether they count.
  CKPT_REQUEST_BEHIND_ROUNDS = 2048,
  CKPT_REQUEST_TRACE = 4096,     // send the trace of it before the last word
};

// Followed by path_bytes of path and label_bytes of label. An empty path is the agent's default.
// With CKPT_REQUEST_DESCRIPTOR the path is the absolute name that `ckpt` will give the file, for
// images that are a change to it.
struct ckpt_request {
  uint32_t version, flags;
  uint64_t token;
  int32_t sampled_tid;          // thread that got the signal, 0: any
  uint32_t path_bytes, label_bytes;
  uint32_t stream_patience;     // ms that nobody reads a stream, until it has failed; 0: 60 s
  int64_t sampled_call;         // the system call it was in before, -1: none, -2: not known
  uint64_t sampled_sp, sampled_pc, sampled_waited;
};

enum : uint32_t {
  CKPT_REPORT_PROGRESS = 1,
  CKPT_REPORT_DONE = 2,    // followed by path_bytes of path
  CKPT_REPORT_FAILED = 3,  // likewise: what it was about, if it has a name
  // Another checkpoint is still being written. The agent has received the request all the same:
  // a socket closed with something unread in it would lose this record.
  CKPT_REPORT_WAITING = 4,
  // The program defers checkpoints (ckpt_defer). The agent connects again, to the same address, when it no longer
  // does; nobody has to queue the signal again.
  CKPT_REPORT_DEFERRED = 5,
  // The last word to CKPT_REQUEST_ROUNDS: memory is being copied.
  CKPT_REPORT_COPYING = 6,
  // Followed by path_bytes of text: some lines of the trace.
  CKPT_REPORT_TRACE = 7,
};

// How an image was made; with DONE.
enum : uint32_t {
  CKPT_MODE_IN_PLACE = 1,       // the program stood still until it was written
  CKPT_MODE_COPY_ON_WRITE = 2,  // a clone wrote it
  CKPT_MODE_PRECOPY = 3,        // a companion had copied most of it before
};

// Why in place; with CKPT_MODE_IN_PLACE.
enum : uint32_t {
  CKPT_CAUSE_ASKED = 1,   // --sync, --kill or CKPT_SYNC=1
  CKPT_CAUSE_MEMORY = 2,  // memory for the copies was short
  CKPT_CAUSE_LITTLE = 3,  // so little to write that a clone would have taken longer
  CKPT_CAUSE_NO_CLONE = 4,  // the kernel gave no clone (limits on processes, cgroups)
};

// Report flags.
enum : uint32_t {
  CKPT_RESULT_INCREMENTAL = 1,  // the image is a change to another
  CKPT_RESULT_THIN = 2,         // pages were left out because their file has them
};

struct ckpt_report {
  uint32_t version, kind;
  uint64_t bytes_done, bytes_total;  // of the image
  uint64_t pause, duration;          // ns: the program stood still; until safe on disk
  uint32_t threads, counter;
  uint32_t step;                     // when failed: CaptureFailure.Step
  int32_t error;                     // errno, 0: none
  uint64_t subject, detail;          // TID, descriptor, address, by step
  uint32_t path_bytes;
  uint32_t mode, cause, flags;       // CKPT_MODE_, CKPT_CAUSE_ (0: none), CKPT_RESULT_ bits
};

enum : uint32_t { CKPT_COMMIT_KEEP = 1, CKPT_COMMIT_DISCARD = 2 };
struct ckpt_commit { uint32_t version, decision; };

// What `ckpt inject` leaves for the agent's entry, ckpt_agent_inject, at the address that it passes.
// Followed by setting_bytes of `NAME=value` strings, each ended by a NUL.
#define CKPT_INJECTION_VERSION 1u
// Bits of result, which the agent sets.
enum : uint32_t {
  CKPT_INJECTION_DONE = 1,     // it came to its end
  CKPT_INJECTION_TRIGGER = 2,  // the signal of CKPT_SIGNAL is the agent's
  CKPT_INJECTION_CONTROL = 4,  // so is the control signal
};
struct ckpt_injection { uint32_t version, result; uint64_t setting_bytes; };
