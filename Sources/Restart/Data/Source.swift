internal import CheckpointImage
internal import KernelABI

/// A file that the data of a restart is read from.
///
/// The first ones are the images of the chain, newest first; behind them are files that the program
/// had mapped, where the checkpoint left out what equals them.
struct Source: BitwiseCopyable {
  /// Open for reading, at no particular position.
  var descriptor: Int32

  /// Where the image starts in it: not at 0 in a snapshot executable.
  var start: UInt64 = 0

  /// No image: the digests of its bytes are in one.
  var isFile = false

  /// Its bytes were checked when they came, and nobody else can have changed them since.
  var isVerified = false

  /// Of an image: where its digests lie.
  var end = ImageEnd(digestsOffset: 0, pieceCount: 0)

  /// Of an image: `end.blockCount` digests, checked, each of a block of its digests.
  var blocks = Address.zero

  /// What it is called, for messages.
  var name = Address.zero
  var nameByteCount = 0
}
