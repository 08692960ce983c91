internal import Kernel
internal import KernelABI

/// Writes all of `text`; a stream that is gone takes it in silence.
public func writeText(_ text: String, to descriptor: Int32) {
  var rest = Array(text.utf8)[...]
  while !rest.isEmpty {
    let piece = Array(rest)
    do throws(Errno) {
      let count = try withAddress(ofBytes: piece) { address throws(Errno) in
        try Files.write(descriptor, from: address, byteCount: UInt64(piece.count))
      }
      rest = rest.dropFirst(Int(count))
    } catch {
      return
    }
  }
}

/// Whether the descriptor is a terminal.
public func isTerminal(_ descriptor: Int32) -> Bool {
  (try? Terminals.modes(descriptor)) != nil
}
