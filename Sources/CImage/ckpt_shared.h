// Memory that two processes share while one works for the other, and that is part of no image: its
// layouts, and the places of fields that are changed atomically or waited on. A futex needs an address,
// so those have a constant, CKPT_AT_, that the compiler computes: bytes from the start of the struct.
#pragma once
#include <stdint.h>

#include "ckpt_image.h"

#define CKPT_PLACE(name, type, field) name = __builtin_offsetof(struct type, field)

// In `restart`'s workspace: what its pager and the agent tell each other (the agent may be an older one:
// ckpt_lazy keeps its layout), and behind it the words of `restart` and its pager.
struct ckpt_lazy_words {
  struct ckpt_lazy lazy;
  uint64_t reserved;
  uint32_t ready, go;  // futexes: what the pager has done, what it is to do
};

enum : uint64_t {
  CKPT_PLACE(CKPT_AT_LAZY_UNMAP_AND_EXIT, ckpt_lazy, unmap_and_exit),
  CKPT_PLACE(CKPT_AT_LAZY_WOKEN, ckpt_lazy, woken),
  CKPT_PLACE(CKPT_AT_LAZY_WATCHED, ckpt_lazy, watched),
  CKPT_PLACE(CKPT_AT_LAZY_READY, ckpt_lazy_words, ready),
  CKPT_PLACE(CKPT_AT_LAZY_GO, ckpt_lazy_words, go),
};

// In `restart`'s workspace: how the reading of a mapped restart goes. A cache line.
struct ckpt_fill_words {
  uint32_t end;      // a futex; 0: it goes on
  uint32_t refusal;  // why nobody may trace the program: an errno
  uint64_t reserved[7];
};

enum : uint64_t {
  CKPT_PLACE(CKPT_AT_FILL_END, ckpt_fill_words, end),
  CKPT_PLACE(CKPT_AT_FILL_REFUSAL, ckpt_fill_words, refusal),
};

// What the program and the clone that writes its image share. A table of regions follows, 16 bytes each
// (start and end); at the end of the memory there is room for a path.
struct ckpt_writer_status {
  uint32_t stage;       // a futex: WriterStatus.Stage
  uint32_t pending;     // a signal that waits for its turn, 0: none
  uint32_t result;      // a futex: WriterStatus.Result
  uint32_t process;     // PID of the clone, 0: none yet
  uint64_t pause;       // ns
  uint64_t start_time;  // of the clone, in ticks
  uint32_t region_count;
  uint32_t error;       // errno
  uint64_t reserved[3];
  uint64_t record[8];   // Lineage.Record
};

enum : uint64_t {
  CKPT_PLACE(CKPT_AT_WRITER_STAGE, ckpt_writer_status, stage),
  CKPT_PLACE(CKPT_AT_WRITER_PENDING, ckpt_writer_status, pending),
  CKPT_PLACE(CKPT_AT_WRITER_RESULT, ckpt_writer_status, result),
  CKPT_PLACE(CKPT_AT_WRITER_PROCESS, ckpt_writer_status, process),
  CKPT_PLACE(CKPT_AT_WRITER_PAUSE, ckpt_writer_status, pause),
  CKPT_PLACE(CKPT_AT_WRITER_START_TIME, ckpt_writer_status, start_time),
  CKPT_PLACE(CKPT_AT_WRITER_REGION_COUNT, ckpt_writer_status, region_count),
  CKPT_PLACE(CKPT_AT_WRITER_ERROR, ckpt_writer_status, error),
  CKPT_PLACE(CKPT_AT_WRITER_RECORD, ckpt_writer_status, record),
  CKPT_WRITER_STATUS_BYTES = sizeof(struct ckpt_writer_status),
};

// The head of what the program and its precopy process share; tables follow on later pages.
struct ckpt_precopy_share {
  uint64_t page_count;       // of all regions
  uint64_t region_count;
  uint64_t data_start;       // where in the file the pages begin
  uint64_t file_page_count;  // how many the file has
  int32_t file_number;       // in the precopy process
  uint32_t reserved;
  uint64_t begun;            // CLOCK_MONOTONIC, ns
  uint64_t resident_bytes;   // of the program, at most
};

enum : uint64_t {
  CKPT_PLACE(CKPT_AT_PRECOPY_PAGE_COUNT, ckpt_precopy_share, page_count),
  CKPT_PLACE(CKPT_AT_PRECOPY_REGION_COUNT, ckpt_precopy_share, region_count),
  CKPT_PLACE(CKPT_AT_PRECOPY_DATA_START, ckpt_precopy_share, data_start),
  CKPT_PLACE(CKPT_AT_PRECOPY_FILE_PAGE_COUNT, ckpt_precopy_share, file_page_count),
  CKPT_PLACE(CKPT_AT_PRECOPY_FILE_NUMBER, ckpt_precopy_share, file_number),
  CKPT_PLACE(CKPT_AT_PRECOPY_BEGUN, ckpt_precopy_share, begun),
  CKPT_PLACE(CKPT_AT_PRECOPY_RESIDENT_BYTES, ckpt_precopy_share, resident_bytes),
};
#undef CKPT_PLACE

// ckpt_lazy is between programs that were built at different times.
_Static_assert(__builtin_offsetof(struct ckpt_lazy, whole) == 0, "whole");
_Static_assert(__builtin_offsetof(struct ckpt_lazy, unmap_and_exit) == 8, "unmap_and_exit");
_Static_assert(__builtin_offsetof(struct ckpt_lazy, traces) == 16, "traces");
_Static_assert(__builtin_offsetof(struct ckpt_lazy, woken) == 20, "woken");
_Static_assert(__builtin_offsetof(struct ckpt_lazy, watched) == 24, "watched");
_Static_assert(sizeof(struct ckpt_lazy_words) == 48, "ckpt_lazy_words");
_Static_assert(sizeof(struct ckpt_fill_words) == 64, "ckpt_fill_words");
_Static_assert(sizeof(struct ckpt_writer_status) == 128, "ckpt_writer_status");
_Static_assert(sizeof(struct ckpt_precopy_share) == 56, "ckpt_precopy_share");
