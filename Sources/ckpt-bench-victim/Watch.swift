internal import CKernel
internal import Kernel
internal import KernelABI

/// Fills fresh memory, in small pages, with the numbers of a xorshift generator.
func fill(byteCount: UInt64) throws(Errno) {
  guard byteCount > 0 else { return }
  let start = try Mapping.map(byteCount: byteCount, .read | .write, .private | .anonymous)
  var word = try Random.word() | 1
  var offset: UInt64 = 0
  while offset < byteCount {
    word ^= word << 13
    word ^= word >> 7
    word ^= word << 17
    Memory.store(word, at: start + offset)
    offset += 8
  }
}

/// Naps for ever, and notes when a nap took longer than it should.
func watch(_ notes: Notes) throws(Errno) -> Never {
  let limit: UInt64 = 2_000_000
  var nap = ckernel_timespec(seconds: 0, nanoseconds: 50_000)
  var last = Clock.realtime
  while true {
    _ = try? withAddress(of: &nap) { (address) throws(Errno) in
      try systemCall(SyscallNumber.nanosleep, address.argument, 0)
    }
    let now = Clock.realtime
    if now > last + limit { try notes.append(last, now) }
    last = now
  }
}

/// A file that gets lines of two numbers; it is open only meanwhile.
struct Notes {
  let path: Address

  func append(_ first: UInt64, _ second: UInt64) throws(Errno) {
    let file = try FileDescriptor(path: path, .writeOnly | .append | .create, mode: 0o600)
    var line = Line()
    line.append(decimal: first)
    line.append(" ")
    line.append(decimal: second)
    line.append("\n")
    line.write(to: file.number)
  }
}
