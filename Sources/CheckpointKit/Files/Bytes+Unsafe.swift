internal import Kernel
internal import KernelABI

/// Runs `body` with the address of the bytes of `path` and a NUL.
///
/// The address is good only for the call: the array lives for as long as the closure runs.
func withPath<R>(
  _ path: String, _ body: (Address) throws(Errno) -> R
) throws(Errno) -> R {
  try withAddress(ofBytes: Array(path.utf8) + [0], body)
}

/// Runs `body` with the address of `bytes`.
func withAddress<R>(
  ofBytes bytes: [UInt8], _ body: (Address) throws(Errno) -> R
) throws(Errno) -> R {
  var result: Result<R, Errno>?
  unsafe bytes.withUnsafeBytes { buffer in
    let address = unsafe buffer.baseAddress.map { unsafe Address($0) } ?? .zero
    do throws(Errno) { result = .success(try body(address)) } catch { result = .failure(error) }
  }
  guard let result else { fatalError("unreachable") }
  return try result.get()
}

/// Runs `body` with the address of `bytes`, which the kernel may fill meanwhile.
func withAddress<R>(
  ofMutableBytes bytes: inout [UInt8], _ body: (Address) throws(Errno) -> R
) throws(Errno) -> R {
  var result: Result<R, Errno>?
  unsafe bytes.withUnsafeMutableBytes { buffer in
    let address = unsafe buffer.baseAddress.map { unsafe Address(UnsafeRawPointer($0)) } ?? .zero
    do throws(Errno) { result = .success(try body(address)) } catch { result = .failure(error) }
  }
  guard let result else { fatalError("unreachable") }
  return try result.get()
}

/// The bytes of a value without padding, as they lie in memory.
func bytes<T: BitwiseCopyable>(of value: T) -> [UInt8] {
  unsafe withUnsafeBytes(of: value) { unsafe Array($0) }
}

/// The value whose bytes start at `offset`, `nil` when there are too few.
///
/// For the structs of `ckpt_protocol.h` and `ckpt_image.h`: any bit pattern is one of their values.
func value<T: BitwiseCopyable>(_ type: T.Type, in bytes: [UInt8], at offset: Int = 0) -> T? {
  guard offset >= 0, bytes.count - offset >= MemoryLayout<T>.size else { return nil }
  return unsafe bytes.withUnsafeBytes {
    unsafe $0.loadUnaligned(fromByteOffset: offset, as: T.self)
  }
}
