internal import Kernel
internal import KernelABI

/// Writes all of `text`; a stream that is gone takes it in silence.
public func writeText(_ text: String, to descriptor: Int32) {
  var rest = Array(text.utf8)[...]
  while !rest.isEmpty {
    let piece = Array(rest)
    do throws(Errno) {
      let count = try retryingInterrupts { () throws(Errno) in
        try withAddress(ofBytes: piece) { address throws(Errno) in
          try systemCall(SyscallNumber.write, Int(descriptor), address.argument, piece.count)
        }
      }
      rest = rest.dropFirst(count)
    } catch {
      return
    }
  }
}

/// Whether the descriptor is a terminal.
///
/// Source: ioctl_tty(2), TCGETS.
public func isTerminal(_ descriptor: Int32) -> Bool {
  var settings = [UInt8](repeating: 0, count: 64)
  do throws(Errno) {
    _ = try withAddress(ofMutableBytes: &settings) { address throws(Errno) in
      try systemCall(SyscallNumber.ioctl, Int(descriptor), 0x5401, address.argument)
    }
    return true
  } catch {
    return false
  }
}
