internal import CImage
internal import Kernel
internal import KernelABI

/// A process that shares the program's memory and is a child of the supervisor, which hears of its
/// end.
struct SharedMemoryProcess: BitwiseCopyable {
  /// As the program sees it.
  let identifier: Int32

  /// A pidfd.
  let descriptor: Int32

  /// Starts one, with an ID that no thread of the program needs if IDs may be chosen.
  ///
  /// - Parameters:
  ///   - body: must not return.
  ///   - argument: what it gets.
  init(
    _ threads: Records<ckpt_thread>, mayChoose: Bool, stack: AddressRange,
    _ body: @convention(c) (UInt64) -> Void, _ argument: Address
  ) throws(Errno) {
    let mask = Signal.setMask(UInt64.max)
    defer { Signal.setMask(mask) }
    var identifiers = FreeIdentifier(threads)
    var descriptor: Int32 = -1
    (identifier, self.descriptor) = try withAddress(of: &descriptor) { (place) throws(Errno) in
      var options = HelperProcess.Options(.descriptor | .parent, stack: stack)
      options.descriptorPlace = place
      let process = try HelperProcess.start(
        options, asOneOf: { mayChoose ? identifiers.next() : nil }, body, argument)
      return (process, Memory.load(Int32.self, at: place))
    }
  }

  /// In the process: keeps nothing of the program but its memory, and some descriptors.
  static func leaveProgram(keeping count: Int, _ kept: (Int) -> Int32) {
    let root: StaticString = "/"
    Prctl.setName("ckpt-lazy")
    Process.makeSession()
    try? Files.changeDirectory(path: root.address)
    Descriptors.closeAll(but: count, kept)
  }
}
