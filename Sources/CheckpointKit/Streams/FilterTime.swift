internal import Kernel
public import KernelABI

/// How long it takes to compress and encrypt bytes and do nothing else with them: what the speed of a
/// whole stream is held against.
///
/// - Parameters:
///   - block: what is fed, again and again.
///   - byteCount: how many bytes in all.
///   - key: `nil`: not encrypted.
/// - Returns: nanoseconds.
public func filterTime(
  _ block: AddressRange, byteCount: UInt64, _ packing: StreamPacking, _ key: SealKey?
) throws(StreamFailure) -> UInt64 {
  var sink: any ByteSink = NullSink()
  if let key { sink = try SealingSink(key, .aes256GCM, to: sink) }
  if let packing = try PackingSink(packing, to: sink) { sink = packing }
  let start = Clock.monotonic
  var done: UInt64 = 0
  while done < byteCount {
    let place = done % block.byteCount
    let count = min(UInt64(Block.size), byteCount - done, block.byteCount - place)
    try sink.write(block.start + place, Int(count))
    done += count
  }
  try sink.finish()
  return Clock.monotonic - start
}

private final class NullSink: ByteSink {
  func write(_ address: Address, _ count: Int) {}
  func finish() {}
}
