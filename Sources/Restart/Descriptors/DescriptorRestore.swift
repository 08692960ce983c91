internal import CImage
internal import Kernel
internal import KernelABI

/// Gives the new process the descriptors of the image, and no others.
///
/// Every open file description is made first, at numbers above the program's own, then put at all
/// of its numbers. Epoll sets are filled last, since their entries name final numbers.
enum DescriptorRestore {
  /// Makes all descriptors; the numbers in `own` move out of the way, those it does not list and
  /// the image does not have are closed.
  ///
  /// The sources of the image are among those. Locks are not taken yet (`LockRestore`).
  ///
  /// - Returns: what makes the objects that mappings show; it keeps those that descriptors showed.
  static func run(
    _ image: LoadedImage, keeping own: inout RestartDescriptors, in arena: inout Arena
  ) throws(RestartFailure) -> ObjectRestore {
    let first = try firstFreeNumber(image)
    try raiseLimit(image, above: first)
    try FreeNumbers.make(from: first, keeping: &own)
    let objects = try ObjectRestore(image, firstNumber: first, in: &arena)
    var bench = try Workbench(image, objects, own, in: &arena)
    try open(&bench)
    try place(bench)
    for index in 0..<image.files.count where image.files[index].kind == CKPT_FILE_EPOLL {
      try EpollRestore.fill(index, bench)
    }
    bench.closeOpened()
    return objects
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

  private static func open(_ bench: inout Workbench) throws(RestartFailure) {
    for index in 0..<bench.image.files.count {
      let number = bench.streams.number(of: index, in: bench.image)
      if number >= 0 { try takeStream(number, as: index, &bench) }
    }
    for index in 0..<bench.image.files.count where SocketRestore.comesFirst(index, bench) {
      try KindRestore.open(index, &bench)
    }
    for index in 0..<bench.image.files.count where bench.opened[index] < 0 {
      try KindRestore.open(index, &bench)
    }
    for index in 0..<bench.image.files.count
    where bench.streams.number(of: index, in: bench.image) < 0 {
      try SocketRestore.finish(index, &bench)
      try StatusRestore.restore(index, bench)
    }
  }

  private static func takeStream(
    _ number: Int32, as index: Int, _ bench: inout Workbench
  ) throws(RestartFailure) {
    let stream = bench.streams.stream(at: number)
    let copy = try bench.doing("cannot take over the stream of descriptor", index) {
      () throws(Errno) in try Descriptors.duplicate(stream, atLeast: 0)
    }
    try bench.keep(copy, as: index)
    if bench.image.files[index].kind == CKPT_FILE_TERMINAL {
      try TerminalRestore.adapt(index, &bench)
    }
  }

  private static func place(_ bench: Workbench) throws(RestartFailure) {
    let descriptors = bench.image.descriptors
    var standard = InlineArray<3, Bool>(repeating: false)
    for index in 0..<descriptors.count {
      let descriptor = descriptors[index]
      if descriptor.number <= 2 { standard[Int(descriptor.number)] = true }
      let isStream = bench.streams.number(of: Int(descriptor.file), in: bench.image) >= 0
      let stream = isStream ? bench.streams.stream(at: descriptor.number) : -1
      try bench.doing("cannot place descriptor", Int(descriptor.file)) { () throws(Errno) in
        try Descriptors.duplicate(
          stream >= 0 ? stream : bench.opened[Int(descriptor.file)], to: descriptor.number,
          closeOnExec: descriptor.flags & 1 != 0)
      }
    }
    for number in 0..<3 where !standard[number] { closeDescriptor(Int32(number)) }
  }
}
