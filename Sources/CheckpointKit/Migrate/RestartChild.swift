internal import Kernel
internal import KernelABI

/// The program `restart` over there, as a child of the `ckpt` that takes the image in.
///
/// Its descriptors are plain numbers, -1 once they are closed.
final class RestartChild {
  let pid: Int32

  /// Readable when it has ended.
  let process: Int32

  /// Where the image goes, and behind it the word that it may run.
  private(set) var image: Int32

  /// Where its words come from.
  let words: Int32

  /// What the program reads, and what it writes; -1 unless it is attached.
  private(set) var input: Int32 = -1
  private(set) var output: Int32 = -1

  /// Numbers that nothing else has here.
  private static let wordsNumber: Int32 = 40
  private static let imageNumber: Int32 = 41

  init(_ order: RelayOrder) throws(Errno) {
    let image = try Pipes.make()
    let words = try Pipes.make()
    self.image = image.writer
    self.words = words.reader
    try Descriptors.setStatus(words.reader, .nonBlocking)
    try Descriptors.duplicate(words.writer, to: Self.wordsNumber, closeOnExec: false)
    try Descriptors.duplicate(image.reader, to: Self.imageNumber, closeOnExec: false)
    var theirs = [words.writer, image.reader, Self.wordsNumber, Self.imageNumber]
    var numbers: (input: Int32, output: Int32) = (0, 1)
    if order.isAttached {
      let down = try Pipes.make()
      let up = try Pipes.make()
      (input, output) = (down.writer, up.reader)
      numbers = (down.reader, up.writer)
      theirs += [down.reader, up.writer]
      try Descriptors.setStatus(input, .nonBlocking)
      try Descriptors.setStatus(output, .nonBlocking)
    }
    let pid = try spawn(Self.command(order), input: numbers.input, output: numbers.output)
    for number in theirs { closeDescriptor(number) }
    self.pid = pid
    process = try Events.openProcess(pid)
  }

  private static func command(_ order: RelayOrder) -> [String] {
    var words = [
      order.restart, "--staged=\(wordsNumber)", "--from-descriptor=\(imageNumber)",
      // The connection's own patience ends first, and says why.
      "--idle=\(order.idle + 10)",
    ]
    if !order.isAttached { words.append("--detach") }
    if let option = order.ids.option { words.append(option) }
    for pair in order.map { words += ["--map", pair] }
    return words
  }

  /// Nothing more follows of the image.
  func closeImage() { Self.close(&image) }
  func closeInput() { Self.close(&input) }
  func closeOutput() { Self.close(&output) }

  private static func close(_ number: inout Int32) {
    if number >= 0 { closeDescriptor(number) }
    number = -1
  }

  func signal(_ number: Int32) { _ = try? Process.send(number, to: pid) }

  /// Its exit status, 128 and a signal's number when that has ended it; waits for it.
  func status() -> Int32 {
    (try? Wait.status(of: pid))?.shellStatus ?? 0
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
