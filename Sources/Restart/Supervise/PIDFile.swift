internal import Kernel
internal import KernelABI

/// `--pidfile`: made before anything else is changed, filled once the program runs.
struct PIDFile {
  private var temporary = PathBuffer()
  private let path: ByteString
  private let descriptor: Int32

  /// Makes an empty file beside the one that is wanted.
  init(at path: ByteString) throws(RestartFailure) {
    self.path = path
    var temporary = PathBuffer()
    descriptor = try during(
      "cannot write the file of the process ID", name: path.address,
      nameByteCount: path.byteCount
    ) { () throws(Errno) in
      try temporary.append(path)
      var suffix = Line(".")
      suffix.append(decimal: UInt64(Process.ownID))
      let count = suffix.count
      try suffix.withPath { (address) throws(Errno) in
        try temporary.append(from: address, byteCount: count)
      }
      return try temporary.withPath { (address) throws(Errno) in
        let made = try FileDescriptor(
          path: address, .writeOnly | .create | .truncate | .noFollow, mode: 0o644)
        return made.relinquish()
      }
    }
    self.temporary = temporary
  }

  /// Gives the file its contents and its name.
  mutating func commit(_ pid: Int32) throws(RestartFailure) {
    let path = path
    let file = FileDescriptor(adopting: descriptor)
    try during(
      "cannot write the file of the process ID", name: path.address,
      nameByteCount: path.byteCount
    ) { () throws(Errno) in
      var line = Line()
      line.append(decimal: UInt64(pid))
      line.append("\n")
      let count = UInt64(line.count)
      try line.withPath { (address) throws(Errno) in
        try file.writeFully(from: address, byteCount: count)
      }
      try temporary.withPath { (address) throws(Errno) in
        try Files.rename(address, to: path.address)
      }
    }
  }

  /// Takes the empty file away.
  mutating func discard() {
    closeDescriptor(descriptor)
    _ = try? temporary.withPath { (address) throws(Errno) in
      try Files.unlink(path: address)
    }
  }

  /// For the program, which has nothing to do with it.
  func forget() { closeDescriptor(descriptor) }
}
