internal import CImage
internal import Kernel
internal import KernelABI

/// This program as a snapshot executable: its own file holds the image.
enum OwnExecutable {
  /// How a program finds the file that it was started from, whatever became of its name.
  static let path: StaticString = "/proc/self/exe"

  /// Whether the note in this program's memory is filled.
  static func isOne(_ note: Address) -> Bool {
    Memory.load(ckpt_executable.self, at: note).magic == CKPT_EXECUTABLE_MAGIC
  }

  /// Opens the image in this program's own file.
  ///
  /// - Parameter name: what the program was called as, for messages.
  static func open(name: ByteString) throws(RestartFailure) -> LoadedImage {
    try checkReadable(name)
    if Unpacker.isNeeded(for: ByteString(path)) {
      return try Unpacker.open(ByteString(path), called: name)
    }
    var chain = OpenedChain()
    try chain.open(ByteString(path), called: name)
    return try chain.flattened()
  }

  /// Says more than a failure to open an image would.
  ///
  /// Source: access(2), R_OK.
  private static func checkReadable(_ name: ByteString) throws(RestartFailure) {
    do throws(Errno) {
      try Files.checkAccess(path: path.address, .read)
    } catch {
      let isHidden = error == .noSuchFile || error == .notDirectory
      throw RestartFailure(
        error == .accessDenied ? .permission : .failed, "cannot read this program's own file,",
        errno: error,
        why: isHidden ? "/proc is not mounted" : "",
        hint: isHidden
          ? "mount -t proc proc /proc" : "who runs it must be able to read it: chmod +r",
        name: name.address, nameByteCount: name.byteCount)
    }
  }
}

extension RestartOptions {
  /// What a snapshot executable is to do: every argument is the program's, but for one that nobody
  /// gives by accident.
  init(ofExecutable arguments: Arguments) {
    isExecutable = true
    ids = .sameOrPrivate
    laziness = .background
    training = Self.takeTraining(from: arguments.environment)
    if training >= 0 { laziness = .mappedTouched }
    self.arguments = arguments.all
    image = arguments.name ?? ByteString(OwnExecutable.path)
    if arguments.count == 1, arguments[0] == "--ckpt-help" { request = .describe }
  }
  /// What `ckpt exe --train` gives by the environment: a descriptor.
  ///
  /// It is none of the program's variables, and is taken out.
  ///
  /// - Parameter environment: where the pointers to its strings lie, the last one 0.
  /// - Returns: -1: nothing, or nothing that could be one.
  private static func takeTraining(from environment: Address) -> Int32 {
    var result: Int32 = -1
    var (from, to) = (environment, environment)
    while true {
      let string = Memory.load(UInt64.self, at: from)
      let text = string == 0 ? ByteString("") : ByteString(terminatedAt: Address(string))
      if text.starts(with: "CKPT_TRAIN=") {
        result = descriptor(text.dropping(11))
      } else {
        Memory.store(string, at: to)
        to = to + 8
      }
      guard string != 0 else { return result }
      from = from + 8
    }
  }

  private static func descriptor(_ text: ByteString) -> Int32 {
    var value: Int32 = 0
    guard !text.isEmpty, text.byteCount < 8 else { return -1 }
    for index in 0..<text.byteCount {
      let digit = Int32(text.byte(at: index)) - 0x30
      guard digit >= 0, digit < 10 else { return -1 }
      value = value * 10 + digit
    }
    return (try? FileStatus(of: value))?.kind == .regular ? value : -1
  }
}
