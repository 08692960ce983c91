internal import Kernel
internal import KernelABI

/// The `ckpt` beside `restart`, as a child that unpacks a file into a pipe.
enum Feeder {
  /// Its command line: `ckpt feed` and what follows.
  struct Words {
    fileprivate var addresses = InlineArray<32, UInt64>(repeating: 0)
    private var count = 2

    init() {
      addresses[0] = ("ckpt" as StaticString).address.rawValue
      addresses[1] = ("feed" as StaticString).address.rawValue
    }

    mutating func append(_ word: ByteString) throws(RestartFailure) {
      guard count < 31 else { throw RestartFailure(.usage, "too many words behind --feed") }
      addresses[count] = word.address.rawValue
      count += 1
    }
  }

  /// Starts it.
  ///
  /// - Parameter environment: the array that the kernel left for this process.
  static func start(
    _ words: Words, environment: Address
  ) throws(RestartFailure) -> StreamInput {
    let pipe = try during("cannot make a pipe") { () throws(Errno) in try Pipes.make() }
    var program = try find()
    let pid = try during("cannot start a process") { () throws(Errno) in try Process.fork() }
    if pid == 0 { become(&program, words, pipe.writer, environment) }
    closeDescriptor(pipe.writer)
    return StreamInput(pipe.reader, patience: -1, feeder: pid)
  }

  /// Beside `restart`, else where an installed tree has its commands.
  private static func find() throws(RestartFailure) -> PathBuffer {
    let places: InlineArray<2, StaticString> = ["ckpt", "../../bin/ckpt"]
    for index in places.indices {
      guard var path = try? folder() else { break }
      do throws(Errno) {
        try path.append(ByteString(places[index]))
        try path.withPath { (address) throws(Errno) in
          try Files.checkAccess(path: address, .execute)
        }
        return path
      } catch {
        continue
      }
    }
    throw RestartFailure(
      .failed, "cannot unpack the image", why: "there is no program ckpt beside this one",
      hint: "unpack it first, with `ckpt`, `zstd -d`, `lz4 -d` or `gzip -d`")
  }

  /// Of this program, with its slash.
  private static func folder() throws(Errno) -> PathBuffer {
    let link: StaticString = "/proc/self/exe"
    var bytes = InlineArray<512, UInt64>(repeating: 0)
    var path = PathBuffer()
    try withAddress(of: &bytes) { (address) throws(Errno) in
      var count = try Descriptors.readLink(
        path: link.address, to: address, capacity: 4095)
      while count > 0, Memory.load(UInt8.self, at: address + UInt64(count - 1)) != 0x2F {
        count -= 1
      }
      try path.append(from: address, byteCount: count)
    }
    return path
  }

  /// `ckpt feed` with the pipe as its standard output.
  private static func become(
    _ program: inout PathBuffer, _ words: Words, _ output: Int32, _ environment: Address
  ) -> Never {
    try? Descriptors.duplicate(output, to: 1, closeOnExec: false)
    var arguments = words.addresses
    _ = try? program.withPath { (program) throws(Errno) in
      try withAddress(of: &arguments) { (arguments) throws(Errno) in
        try Process.execute(path: program, arguments: arguments, environment: environment)
      }
    }
    RestartFailure(.failed, "cannot unpack the image", why: "ckpt can't be run").report()
    exitGroup(status: 1)
  }

  /// Ends this process as the feeder did, which has said why; where it has not, says what is known.
  static func conclude(_ feeder: Int32) -> Int32 {
    conclude(ChildProcess.awaitEvent(of: feeder))
  }

  static func conclude(_ end: ChildEvent) -> Int32 {
    switch end {
    case .exited(let status) where status != 0: return status
    case .killed(let signal):
      RestartFailure(
        .failed, "cannot restart: the program that unpacks the image was killed, by signal",
        number: UInt64(signal), numberStyle: .decimal
      ).report()
      return RestartFailure.Status.failed.rawValue
    default:
      StreamInput.endedEarly.report()
      return RestartFailure.Status.damagedImage.rawValue
    }
  }
}
