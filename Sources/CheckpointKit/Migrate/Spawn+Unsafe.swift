internal import CStreams
internal import Kernel
internal import KernelABI

/// Starts a program that PATH has.
///
/// It inherits the blocked signals. The strings live for as long as the call, which copies them.
///
/// - Parameters:
///   - words: its command line, with its own name.
///   - input, output: become its 0 and 1; they stay the caller's.
/// - Returns: its PID; it is a child to be waited for.
func spawn(_ words: [String], input: Int32, output: Int32) throws(Errno) -> Int32 {
  var text: [UInt8] = []
  let offsets = words.map { word in
    defer { text += Array(word.utf8) + [0] }
    return text.count
  }
  var process: Int32 = 0
  let error = unsafe text.withUnsafeBytes { bytes in
    let base = UInt64(UInt(bitPattern: bytes.baseAddress))
    let vector = offsets.map { base + UInt64($0) } + [0]
    return unsafe vector.withUnsafeBytes {
      unsafe cspawn(words.first ?? "", $0.baseAddress, input, output, &process)
    }
  }
  guard error == 0 else { throw Errno(rawValue: error) }
  return process
}
