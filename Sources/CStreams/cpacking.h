// The libraries that pack and unpack streams: lz4, zstd and zlib, linked statically, so that `ckpt`
// runs where they are not installed. Header only; what Swift can't call (macros, a struct that holds
// pointers to a caller's buffers) is here as a function.
#pragma once
#include <lz4.h>
#include <lz4frame.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

// What one step of a packer or an unpacker did.
struct cpacking_step {
  size_t taken;   // bytes of the input
  size_t made;    // bytes of the output
  int is_done;    // the frame is at its end, or all is out that was to come out
  int is_failed;  // the data is damaged, or memory is short
};

// zlib: deflateInit2 and inflateInit2 are macros, and z_stream is opaque enough to stay here.
static inline z_stream *cpacking_deflate_start(int level) {
  z_stream *stream = calloc(1, sizeof *stream);
  if (!stream) return 0;
  if (deflateInit2(stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK) return stream;
  free(stream);
  return 0;
}
static inline struct cpacking_step cpacking_deflate(z_stream *stream, const void *input,
    size_t input_bytes, void *output, size_t output_bytes, int ends) {
  stream->next_in = (Bytef *)input;
  stream->avail_in = (uInt)input_bytes;
  stream->next_out = output;
  stream->avail_out = (uInt)output_bytes;
  int result = deflate(stream, ends ? Z_FINISH : Z_NO_FLUSH);
  return (struct cpacking_step){
      .taken = input_bytes - stream->avail_in,
      .made = output_bytes - stream->avail_out,
      .is_done = ends ? result == Z_STREAM_END : stream->avail_in == 0,
      .is_failed = result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR};
}
static inline void cpacking_deflate_end(z_stream *stream) {
  deflateEnd(stream);
  free(stream);
}
static inline z_stream *cpacking_inflate_start(void) {
  z_stream *stream = calloc(1, sizeof *stream);
  if (!stream) return 0;
  if (inflateInit2(stream, 15 + 16) == Z_OK) return stream;
  free(stream);
  return 0;
}
static inline struct cpacking_step cpacking_inflate(z_stream *stream, const void *input,
    size_t input_bytes, void *output, size_t output_bytes) {
  stream->next_in = (Bytef *)input;
  stream->avail_in = (uInt)input_bytes;
  stream->next_out = output;
  stream->avail_out = (uInt)output_bytes;
  int result = inflate(stream, Z_NO_FLUSH);
  return (struct cpacking_step){
      .taken = input_bytes - stream->avail_in,
      .made = output_bytes - stream->avail_out,
      .is_done = result == Z_STREAM_END,
      .is_failed = result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR};
}
static inline void cpacking_inflate_reset(z_stream *stream) { inflateReset(stream); }
static inline void cpacking_inflate_end(z_stream *stream) {
  inflateEnd(stream);
  free(stream);
}

// zstd. A frame whose window is larger than 2^26 (64 MiB; `zstd -19` takes 8) is refused: an
// unpacker needs that much memory for it.
#define CPACKING_ZSTD_WINDOW_LOG 26
static inline ZSTD_CCtx *cpacking_zstd_start(int level, int threads) {
  ZSTD_CCtx *context = ZSTD_createCCtx();
  if (!context) return 0;
  ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level);
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
  // A library without threads says no, and works alone.
  if (threads > 1) ZSTD_CCtx_setParameter(context, ZSTD_c_nbWorkers, threads);
  return context;
}
static inline struct cpacking_step cpacking_zstd(ZSTD_CCtx *context, const void *input,
    size_t input_bytes, void *output, size_t output_bytes, int ends) {
  ZSTD_inBuffer in = {input, input_bytes, 0};
  ZSTD_outBuffer out = {output, output_bytes, 0};
  size_t left = ZSTD_compressStream2(context, &out, &in, ends ? ZSTD_e_end : ZSTD_e_continue);
  return (struct cpacking_step){
      .taken = in.pos,
      .made = out.pos,
      .is_done = ends ? left == 0 : in.pos == input_bytes,
      .is_failed = ZSTD_isError(left) != 0};
}
static inline ZSTD_DCtx *cpacking_unzstd_start(void) {
  ZSTD_DCtx *context = ZSTD_createDCtx();
  if (context) ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, CPACKING_ZSTD_WINDOW_LOG);
  return context;
}
static inline struct cpacking_step cpacking_unzstd(ZSTD_DCtx *context, const void *input,
    size_t input_bytes, void *output, size_t output_bytes) {
  ZSTD_inBuffer in = {input, input_bytes, 0};
  ZSTD_outBuffer out = {output, output_bytes, 0};
  size_t left = ZSTD_decompressStream(context, &out, &in);
  return (struct cpacking_step){
      .taken = in.pos, .made = out.pos, .is_done = left == 0, .is_failed = ZSTD_isError(left) != 0};
}

// lz4: one call for each part of at most CPACKING_LZ4_INPUT bytes, into a buffer that is large enough.
#define CPACKING_LZ4_INPUT (1 << 20)
static inline LZ4F_preferences_t cpacking_lz4_preferences(void) {
  LZ4F_preferences_t preferences = LZ4F_INIT_PREFERENCES;
  preferences.frameInfo.blockSizeID = LZ4F_max1MB;
  preferences.frameInfo.blockMode = LZ4F_blockIndependent;
  preferences.frameInfo.contentChecksumFlag = LZ4F_contentChecksumEnabled;
  return preferences;
}
static inline size_t cpacking_lz4_room(void) {
  LZ4F_preferences_t preferences = cpacking_lz4_preferences();
  return LZ4F_compressBound(CPACKING_LZ4_INPUT, &preferences) + LZ4F_HEADER_SIZE_MAX;
}
static inline LZ4F_cctx *cpacking_lz4_start(void) {
  LZ4F_cctx *context = 0;
  return LZ4F_isError(LZ4F_createCompressionContext(&context, LZ4F_VERSION)) ? 0 : context;
}
enum cpacking_lz4_part { CPACKING_LZ4_BEGIN, CPACKING_LZ4_DATA, CPACKING_LZ4_END };
static inline struct cpacking_step cpacking_lz4(LZ4F_cctx *context, enum cpacking_lz4_part part,
    const void *input, size_t input_bytes, void *output, size_t output_bytes) {
  LZ4F_preferences_t preferences = cpacking_lz4_preferences();
  size_t made = part == CPACKING_LZ4_BEGIN
      ? LZ4F_compressBegin(context, output, output_bytes, &preferences)
      : part == CPACKING_LZ4_END
      ? LZ4F_compressEnd(context, output, output_bytes, 0)
      : LZ4F_compressUpdate(context, output, output_bytes, input, input_bytes, 0);
  if (LZ4F_isError(made)) return (struct cpacking_step){.is_failed = 1};
  return (struct cpacking_step){.taken = input_bytes, .made = made, .is_done = 1};
}
static inline LZ4F_dctx *cpacking_unlz4_start(void) {
  LZ4F_dctx *context = 0;
  return LZ4F_isError(LZ4F_createDecompressionContext(&context, LZ4F_VERSION)) ? 0 : context;
}
static inline struct cpacking_step cpacking_unlz4(LZ4F_dctx *context, const void *input,
    size_t input_bytes, void *output, size_t output_bytes) {
  size_t taken = input_bytes, made = output_bytes;
  size_t left = LZ4F_decompress(context, output, &made, input, &taken, 0);
  return (struct cpacking_step){
      .taken = taken, .made = made, .is_done = left == 0, .is_failed = LZ4F_isError(left) != 0};
}
