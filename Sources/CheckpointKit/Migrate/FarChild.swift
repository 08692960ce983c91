internal import Kernel
internal import KernelABI

/// The program `restart` over there, as a child of the `ckpt` that takes the image in.
struct FarChild: ~Copyable {
  let pid: Int32

  /// Readable when it has ended.
  let process: ProcessHandle

  /// Where the image goes, and behind it the word that it may run; until it has gone.
  var image: FileDescriptor?

  /// Where its words come from.
  let words: FileDescriptor

  /// What the program reads, and what it writes; none unless it is attached.
  var input: FileDescriptor?
  var output: FileDescriptor?

  /// Numbers that nothing else has here.
  private static let wordsNumber: Int32 = 40
  private static let imageNumber: Int32 = 41

  init(_ order: FarOrder) throws(Errno) {
    let image = try Pipes.make()
    self.image = FileDescriptor(adopting: image.writer)
    let childImage = FileDescriptor(adopting: image.reader)
    let words = try Pipes.make()
    self.words = FileDescriptor(adopting: words.reader)
    let childWords = FileDescriptor(adopting: words.writer)
    try Descriptors.setStatus(words.reader, .nonBlocking)
    var childInput: FileDescriptor?
    var childOutput: FileDescriptor?
    var numbers: (input: Int32, output: Int32) = (0, 1)
    if order.isAttached {
      let down = try Pipes.make()
      input = FileDescriptor(adopting: down.writer)
      childInput = FileDescriptor(adopting: down.reader)
      let up = try Pipes.make()
      output = FileDescriptor(adopting: up.reader)
      childOutput = FileDescriptor(adopting: up.writer)
      numbers = (down.reader, up.writer)
      try Descriptors.setStatus(down.writer, .nonBlocking)
      try Descriptors.setStatus(up.reader, .nonBlocking)
    }
    try Descriptors.duplicate(childWords.number, to: Self.wordsNumber, closeOnExec: false)
    try Descriptors.duplicate(childImage.number, to: Self.imageNumber, closeOnExec: false)
    defer {
      closeDescriptor(Self.wordsNumber)
      closeDescriptor(Self.imageNumber)
    }
    pid = try spawn(Self.command(order), input: numbers.input, output: numbers.output)
    process = try ProcessHandle(pid)
    _ = consume childInput
    _ = consume childOutput
  }

  private static func command(_ order: FarOrder) -> [String] {
    var words = [
      order.restart, "--staged=\(wordsNumber)", "--from-descriptor=\(imageNumber)",
      // The connection's own patience ends first, and says why.
      "--idle=\(order.idle + 10)",
    ]
    if !order.isAttached { words.append("--detach") }
    if let option = order.ids.option { words.append(option) }
    return words
  }

  func signal(_ number: Int32) { _ = try? Process.send(number, to: pid) }

  /// Its exit status, 128 and a signal's number when that has ended it; waits for it.
  func status() -> Int32 {
    var status: Int32 = 0
    let pid = Int(pid)
    _ = try? withAddress(of: &status) { address throws(Errno) in
      try retryingInterrupts { () throws(Errno) in
        try systemCall(SyscallNumber.wait4, pid, address.argument, 0, 0)
      }
    }
    // Source: wait(2), WIFSIGNALED, WTERMSIG, WEXITSTATUS.
    let signal = status & 0x7F
    return signal == 0 ? (status >> 8) & 0xFF : 128 + signal
  }
}

extension MigrationOrder.IDs {
  /// The word that `restart` takes for it.
  var option: String? {
    switch self {
    case .same: nil
    case .private: "--private-pids"
    case .fresh: "--fresh-pids"
    }
  }
}
