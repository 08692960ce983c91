internal import Kernel
internal import KernelABI

/// Becomes another program.
///
/// Returns only to throw.
///
/// The strings are bytes, since names of files need not be UTF-8.
///
/// Source: execve(2).
func replaceProcess(
  _ path: String, arguments: [[UInt8]], environment: [[UInt8]]
) throws(Errno) -> Never {
  var text: [UInt8] = []
  let argumentOffsets = arguments.map { append($0, to: &text) }
  let environmentOffsets = environment.map { append($0, to: &text) }
  try withPath(path) { path throws(Errno) in
    try withAddress(ofBytes: text) { base throws(Errno) in
      var vector = argumentOffsets.map { base.rawValue + UInt64($0) } + [0]
      vector += environmentOffsets.map { base.rawValue + UInt64($0) } + [0]
      try withAddress(ofBytes: vector.flatMap { bytes(of: $0) }) { vector throws(Errno) in
        let environment = vector + UInt64(8 * (argumentOffsets.count + 1))
        try Process.execute(path: path, arguments: vector, environment: environment)
      }
    }
  }
  throw .invalid
}

/// - Returns: where the string starts in `text`, in bytes.
private func append(_ string: [UInt8], to text: inout [UInt8]) -> Int {
  defer { text += string + [0] }
  return text.count
}
