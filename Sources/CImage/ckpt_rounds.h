// What comes before the image in a stream of which most memory is copied ahead, while the program runs:
// a ckpt_rounds, region_count times a ckpt_rounds_region, then frames. The agent writes them, and
// `restart --staged` takes them. Little-endian, no padding.
//
// The image behind the last frame says of pages that came before where in its file they would lie: a
// page of the rounds has a place, which is the number of a page from data_start on. These bytes of
// the file do not come again, nor do those between its head and them.
#pragma once
#include <stdint.h>

#define CKPT_ROUNDS_MAGIC 0x53444e5254504b43ull  // "CKPTRNDS"
#define CKPT_ROUNDS_VERSION 1u

// page_count: of all regions; more than that never come in different places.
struct ckpt_rounds {
  uint64_t magic;
  uint32_t version, region_count;
  uint64_t page_count, data_start;
};

// In address order.
struct ckpt_rounds_region { uint64_t start, end; };

enum : uint32_t {
  CKPT_FRAME_PAGES = 1,  // `count` pages of 4096 bytes follow: from `address` on, and from `place` on
  CKPT_FRAME_ROUND = 2,  // a round is over
  CKPT_FRAME_END = 3,    // so was the last one: the program may be stopped
  // The image follows. count: whether what came before is a part of it; place: of how many pages
  CKPT_FRAME_IMAGE = 4,
};
struct ckpt_round_frame { uint32_t kind, count; uint64_t address, place; };
