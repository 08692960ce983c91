internal import CImage
internal import Kernel
internal import KernelABI

/// What the kinds of descriptors need while they are made.
struct Workbench: BitwiseCopyable {
  let image: LoadedImage
  let objects: ObjectRestore
  let own: RestartDescriptors

  /// By file of the image: its number, above the program's own; -1: not made yet.
  let opened: Table<Int32>

  /// The terminal that `restart` runs on, -1: none.
  let terminal: Int32

  /// What takes the place of 0, 1 and 2.
  let streams: StandardStreams

  /// Whether the terminal has got the modes that the program had set.
  var terminalIsSet = false
  var hasWarnedOfTerminal = false

  let pathBuffer: Address
  static let pathCapacity: UInt64 = 4096

  /// Contents of queues pass through here.
  var scratch: Arena

  init(
    _ image: LoadedImage, _ objects: ObjectRestore, _ own: RestartDescriptors, in arena: inout Arena
  ) throws(RestartFailure) {
    self.image = image
    self.objects = objects
    self.own = own
    do throws(Errno) {
      var opened = try Table<Int32>(in: &arena, capacity: image.files.count)
      for _ in 0..<image.files.count { try opened.append(-1) }
      self.opened = opened
      pathBuffer = try arena.reserve(Self.pathCapacity)
      scratch = try Arena(mapping: 256 << 20)
      streams = try StandardStreams(above: objects.firstNumber, isOn: own.isExecutable)
      terminal = own.takesTerminal ? try Self.findTerminal(above: objects.firstNumber) : -1
    } catch {
      throw RestartFailure(.failed, "cannot prepare the restart of descriptors", errno: error)
    }
  }

  private static func findTerminal(above first: Int32) throws(Errno) -> Int32 {
    for number in 0..<3 as Range<Int32> where (try? Terminals.modes(number)) != nil {
      return try Descriptors.duplicate(number, atLeast: first)
    }
    let path: StaticString = "/dev/tty"
    guard
      let number = try? Files.open(path: path.address, .readWrite | .noControllingTerminal)
    else { return -1 }
    defer { closeDescriptor(number) }
    return try Descriptors.duplicate(number, atLeast: first)
  }

  /// Closes the numbers that files were made at, and the memory used meanwhile.
  func closeOpened() {
    for index in 0..<opened.count where opened[index] >= 0 { closeDescriptor(opened[index]) }
    if terminal >= 0 { closeDescriptor(terminal) }
    streams.close()
    try? Mapping.unmap(scratch.range)
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

  /// Says something that the user should know and that stops nothing.
  func warn(_ text: StaticString) {
    guard !own.isExecutable else { return }
    var line = Line("restart: warning: ")
    line.append(text)
    line.append("\n")
    line.write(to: own.errors)
  }

  /// Likewise, about one descriptor.
  func warn(_ text: StaticString, _ index: Int) {
    guard !own.isExecutable else { return }
    let path = image.files[index].path
    var line = Line("restart: warning: ")
    line.append(text)
    line.append(" descriptor ")
    line.append(decimal: number(of: index))
    line.append(" ")
    line.append(at: image.address(of: path), count: Int(path.byte_count))
    line.append("\n")
    line.write(to: own.errors)
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

  /// Reads all that an object of kind BYTES holds into scratch memory.
  mutating func contents(of object: UInt32) throws(Errno) -> Contents {
    guard object != CKPT_NONE else { return Contents(start: scratch.range.start, byteCount: 0) }
    let record = image.objects[Int(object)]
    guard record.kind == CKPT_OBJECT_BYTES else { throw .invalid }
    let start = try scratch.reserve(record.byte_count)
    for index in 0..<record.extent_count {
      let extent = image.extents[Int(record.first_extent + index)]
      guard extent.offset <= record.byte_count,
        extent.byte_count <= record.byte_count - extent.offset
      else { throw .invalid }
      let count = try Files.read(
        image.sources[0].descriptor, to: start + extent.offset, byteCount: extent.byte_count,
        at: image.sources[0].start + extent.file_offset)
      guard count == extent.byte_count else { throw .inputOutput }
    }
    return Contents(start: start, byteCount: record.byte_count)
  }
}

/// Bytes that a queue held.
struct Contents: BitwiseCopyable {
  let start: Address
  let byteCount: UInt64

  /// Hands the messages to `body` one by one, or all as one.
  func forEach(
    framed: Bool, _ body: (Address, UInt64) throws(Errno) -> Void
  ) throws(Errno) {
    guard framed else {
      if byteCount > 0 { try body(start, byteCount) }
      return
    }
    let header = UInt64(MemoryLayout<ckpt_message>.size)
    var offset: UInt64 = 0
    while offset < byteCount {
      guard byteCount - offset >= header else { throw .invalid }
      let count = UInt64(Memory.load(ckpt_message.self, at: start + offset).byte_count)
      offset += header
      guard count <= byteCount - offset else { throw .invalid }
      try body(start + offset, count)
      offset += count
    }
  }
}
