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
  static func open(name: Text) throws(RestartFailure) -> LoadedImage {
    try checkReadable(name)
    if Unpacker.isNeeded(for: Text(path)) {
      return try Unpacker.open(Text(path), called: name)
    }
    var chain = Chain()
    try chain.open(Text(path), called: name)
    return try chain.flattened()
  }

  /// Says more than a failure to open an image would.
  ///
  /// Source: access(2), R_OK.
  private static func checkReadable(_ name: Text) throws(RestartFailure) {
    do throws(Errno) {
      try systemCall(SyscallNumber.access, path.address.argument, 4)
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

extension Options {
  /// What a snapshot executable is to do: every argument is the program's, but for one that nobody
  /// gives by accident.
  init(ofExecutable arguments: Arguments) {
    isExecutable = true
    ids = .sameOrPrivate
    laziness = .background
    self.arguments = arguments.all
    image = arguments.name ?? Text(OwnExecutable.path)
    if arguments.count == 1, arguments[0] == "--ckpt-help" { request = .describe }
  }
}
