internal import CImage
internal import Kernel
internal import KernelABI

/// Gives the new process the descriptors of the image, and no others.
///
/// Every open file description is made first, at numbers above the program's own, then put at all
/// of its numbers. Epoll sets are filled last, since their entries name final numbers.
enum DescriptorRestore {
  /// Moves the numbers in `own` above all of the program's and closes those that it does not list.
  ///
  /// The sources of the image are among those.
  ///
  /// - Returns: the lowest number above all of the program's.
  static func makeRoom(
    for image: LoadedImage, keeping own: inout RestartDescriptors
  ) throws(RestartFailure) -> Int32 {
    let first = try firstFreeNumber(image)
    try raiseLimit(image, above: first)
    try FreeNumbers.make(from: first, keeping: &own)
    return first
  }

  /// Makes all descriptors.
  ///
  /// `objects` keeps those that descriptors show. Locks are not taken yet (`LockRestore`).
  ///
  /// - Precondition: `makeRoom` was called.
  static func run(
    _ image: LoadedImage, _ objects: ObjectRestore, _ queues: QueueContents,
    keeping own: RestartDescriptors, in arena: inout Arena
  ) throws(RestartFailure) {
    let first = objects.firstNumber
    let context: FileRestoreContext
    var terminal: ControllingTerminal
    do throws(Errno) {
      context = try FileRestoreContext(
        image, objects, queues, Warnings(to: own.errors, isQuiet: own.isExecutable),
        try StandardStreams(above: first, isOn: own.isExecutable), in: &arena)
      terminal = own.takesTerminal ? try .find(above: first) : .none
    } catch {
      throw RestartFailure(.failed, "cannot prepare the restart of descriptors", errno: error)
    }
    try open(context, &terminal)
    try place(context)
    for index in 0..<image.files.count where image.files[index].kind == CKPT_FILE_EPOLL {
      try EpollRestore.fill(index, context)
    }
    context.closeOpened()
    terminal.close()
  }

  /// The lowest number above all of the program's.
  private static func firstFreeNumber(_ image: LoadedImage) throws(RestartFailure) -> Int32 {
    var highest: Int32 = 9
    for index in 0..<image.descriptors.count {
      let number = image.descriptors[index].number
      guard number >= 0, number < .max - (1 << 20) else {
        throw RestartFailure(.damagedImage, "the image has a descriptor that cannot be")
      }
      highest = max(highest, number)
    }
    return highest + 1
  }

  /// The program's own limit comes back later; until then there must be room for two of each.
  private static func raiseLimit(
    _ image: LoadedImage, above first: Int32
  ) throws(RestartFailure) {
    try during("cannot read the limit of open files") { () throws(Errno) in
      var limit = try ResourceLimit(ResourceLimit.openFiles)
      limit.current = limit.maximum
      try? limit.set(ResourceLimit.openFiles)
    }
    let limit = (try? ResourceLimit(ResourceLimit.openFiles))?.current ?? 0
    guard UInt64(first) + UInt64(image.files.count) + UInt64(image.sources.count) + 16 <= limit
    else {
      throw RestartFailure(
        .failed, "cannot restore the descriptors",
        why: "the limit of open files is too low for them",
        hint: "raise it with `ulimit -n`", number: UInt64(image.descriptors.count),
        numberStyle: .hidden)
    }
  }

  private static func open(
    _ context: FileRestoreContext, _ terminal: inout ControllingTerminal
  ) throws(RestartFailure) {
    for index in 0..<context.image.files.count {
      let number = context.streams.number(of: index, in: context.image)
      if number >= 0 { try takeStream(number, as: index, context, &terminal) }
    }
    for index in 0..<context.image.files.count where SocketRestore.comesFirst(index, context) {
      try KindRestore.open(index, context, &terminal)
    }
    for index in 0..<context.image.files.count where context.opened[index] < 0 {
      try KindRestore.open(index, context, &terminal)
    }
    for index in 0..<context.image.files.count
    where context.streams.number(of: index, in: context.image) < 0 {
      try SocketRestore.finish(index, context)
      try StatusRestore.restore(index, context)
    }
  }

  private static func takeStream(
    _ number: Int32, as index: Int, _ context: FileRestoreContext,
    _ terminal: inout ControllingTerminal
  ) throws(RestartFailure) {
    let stream = context.streams.stream(at: number)
    let copy = try context.doing("cannot take over the stream of descriptor", index) {
      () throws(Errno) in try Descriptors.duplicate(stream, atLeast: 0)
    }
    try context.keep(copy, as: index)
    if context.image.files[index].kind == CKPT_FILE_TERMINAL {
      try TerminalRestore.adapt(index, context, &terminal)
    }
  }

  private static func place(_ context: FileRestoreContext) throws(RestartFailure) {
    let descriptors = context.image.descriptors
    var standard = InlineArray<3, Bool>(repeating: false)
    for index in 0..<descriptors.count {
      let descriptor = descriptors[index]
      if descriptor.number <= 2 { standard[Int(descriptor.number)] = true }
      let isStream = context.streams.number(of: Int(descriptor.file), in: context.image) >= 0
      let stream = isStream ? context.streams.stream(at: descriptor.number) : -1
      try context.doing("cannot place descriptor", Int(descriptor.file)) { () throws(Errno) in
        try Descriptors.duplicate(
          stream >= 0 ? stream : context.opened[Int(descriptor.file)], to: descriptor.number,
          closeOnExec: descriptor.flags & 1 != 0)
      }
    }
    for number in 0..<3 where !standard[number] { closeDescriptor(Int32(number)) }
  }
}
