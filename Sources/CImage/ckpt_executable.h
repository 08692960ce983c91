// A snapshot executable: the program `restart`, then an image as a whole, in one ELF file.
//
// `restart` has a note (owner "CKPT", type CKPT_NT_EXECUTABLE) whose descriptor is this record, all
// zero. A snapshot executable has it filled. The prose is in docs/IMAGE.md.
#pragma once
#include <stdint.h>

#define CKPT_NT_EXECUTABLE 0x45584500u
#define CKPT_EXECUTABLE_MAGIC 0x314558455450434bull  // "KCPTEXE1"
#define CKPT_EXECUTABLE_BYTES 80

// Flags.
enum : uint32_t {
  CKPT_EXECUTABLE_SAVED_DIRECTORY = 1,  // the program goes on in the directory that it was saved in
  CKPT_EXECUTABLE_PACKED = 2,           // the image is compressed: chunks, see ckpt_packed_chunk
};

struct ckpt_executable {
  uint64_t magic;                        // 0: plain `restart`
  uint32_t version, flags;               // 1
  uint64_t identity_low, identity_high;  // of the image
  uint64_t image_offset, image_bytes;    // where the image is in this file; a multiple of 4096
  uint64_t pages_offset, pages_bytes;    // the pages that are wanted first, 0: not known
  uint64_t unpacked_bytes;               // of the image when it is packed, else 0
  uint64_t head_digest;                  // of everything before the image; see docs/IMAGE.md
};
_Static_assert(sizeof(struct ckpt_executable) == CKPT_EXECUTABLE_BYTES, "another size than is said");

// The pages that are wanted first: a digest of all behind it, then runs in address order.
struct ckpt_page_list {
  uint64_t digest;
};
_Static_assert(sizeof(struct ckpt_page_list) == 8, "another size than is said");

// Flags.
enum : uint32_t {
  CKPT_PAGE_RUN_WRITTEN = 1,  // the program wrote to them
};

struct ckpt_page_run {
  uint64_t start;         // address
  uint32_t pages, flags;  // at least one page
};
_Static_assert(sizeof(struct ckpt_page_run) == 16, "another size than is said");

// A packed image is chunks, one behind the other, and nothing else. Behind this record come
// `packed_bytes` bytes, an LZ4 block or, if they are as many as `bytes`, the bytes as they are; then
// zeros up to a multiple of 8.
#define CKPT_PACKED_CHUNK_BYTES 1048576  // of the image, in each chunk but the last

struct ckpt_packed_chunk {
  uint32_t packed_bytes, bytes;
  uint64_t digest;  // XXH3-64 of what comes behind, zeros included, plus 0x9e3779b185ebca87 x the first 8 bytes
};
