internal import CImage
internal import Kernel
internal import KernelABI

/// What the kinds of files need while they are made.
struct FileRestoreContext: BitwiseCopyable {
  let image: LoadedImage
  let objects: ObjectRestore
  let queues: QueueContents
  let warnings: Warnings

  /// What takes the place of 0, 1 and 2.
  let streams: StandardStreams

  /// By file of the image: its number, above the program's own; -1: not made yet.
  let opened: Table<Int32>

  let pathBuffer: Address
  static let pathCapacity: UInt64 = 4096

  init(
    _ image: LoadedImage, _ objects: ObjectRestore, _ queues: QueueContents, _ warnings: Warnings,
    _ streams: StandardStreams, in arena: inout Arena
  ) throws(Errno) {
    self.image = image
    self.objects = objects
    self.queues = queues
    self.warnings = warnings
    self.streams = streams
    var opened = try Table<Int32>(in: &arena, capacity: image.files.count)
    for _ in 0..<image.files.count { try opened.append(-1) }
    self.opened = opened
    pathBuffer = try arena.reserve(Self.pathCapacity)
  }

  /// Closes the numbers that files were made at.
  func closeOpened() {
    for index in 0..<opened.count where opened[index] >= 0 { closeDescriptor(opened[index]) }
    streams.close()
  }

  /// Keeps a file that was just made, at a number out of the program's way.
  func keep(_ number: Int32, as index: Int) throws(RestartFailure) {
    opened[index] = try doing("cannot restore descriptor", index) { () throws(Errno) in
      defer { closeDescriptor(number) }
      return try Descriptors.duplicate(number, atLeast: objects.firstNumber)
    }
  }

  /// The path of a file, NUL-terminated; good until the next one is asked for.
  func path(_ string: ckpt_string) throws(Errno) -> Address {
    guard UInt64(string.byte_count) < Self.pathCapacity else { throw .nameTooLong }
    guard string.byte_count > 0 else { throw .noSuchFile }
    Memory.copy(
      from: image.address(of: string), to: pathBuffer, byteCount: UInt64(string.byte_count))
    Memory.store(UInt8(0), at: pathBuffer + UInt64(string.byte_count))
    return pathBuffer
  }

  /// The lowest number of the program that a file is at.
  private func number(of index: Int) -> UInt64 {
    for entry in 0..<image.descriptors.count
    where Int(image.descriptors[entry].file) == index {
      return UInt64(UInt32(bitPattern: image.descriptors[entry].number))
    }
    return 0
  }

  /// A failure that names a file by number and path.
  func failure(
    _ what: StaticString, _ index: Int, errno: Errno = Errno.none, why: StaticString = "",
    hint: StaticString = "", status: RestartFailure.Status = .failed
  ) -> RestartFailure {
    let path = image.files[index].path
    return RestartFailure(
      status, what, errno: errno, why: why, hint: hint, number: number(of: index),
      numberStyle: .decimal, name: image.address(of: path), nameByteCount: Int(path.byte_count))
  }

  func damaged(_ index: Int) -> RestartFailure {
    failure(
      "cannot restore descriptor", index, why: "the image does not describe it rightly",
      status: .damagedImage)
  }

  /// Runs kernel calls; a failure names the file.
  func doing<R>(
    _ what: StaticString, _ index: Int, hint: StaticString = "", _ body: () throws(Errno) -> R
  ) throws(RestartFailure) -> R {
    do throws(Errno) {
      return try body()
    } catch {
      throw failure(what, index, errno: error, hint: hint)
    }
  }

  /// Says something about a file that the user should know and that stops nothing.
  func warn(_ text: StaticString, _ index: Int) {
    let path = image.files[index].path
    warnings.say(
      text, number: number(of: index), path: image.address(of: path),
      byteCount: Int(path.byte_count))
  }

  /// A copy of one of `restart`'s own standard streams.
  func standard(_ stream: Int32) throws(Errno) -> Int32 {
    do throws(Errno) {
      return try Descriptors.duplicate(stream, atLeast: objects.firstNumber)
    } catch {
      let path: StaticString = "/dev/null"
      return try Files.open(path: path.address, .readWrite)
    }
  }
}
