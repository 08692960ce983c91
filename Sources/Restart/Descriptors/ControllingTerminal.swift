internal import Kernel
internal import KernelABI

/// The terminal that takes the place of the program's: the one that `restart` runs on.
struct ControllingTerminal: BitwiseCopyable {
  /// -1: there is none.
  let descriptor: Int32

  /// Whether it has got the modes that the program had set.
  var isSet = false

  /// Whether it was said that there is none.
  var hasWarned = false

  private init(descriptor: Int32) { self.descriptor = descriptor }

  static var none: ControllingTerminal { ControllingTerminal(descriptor: -1) }

  /// Looks at the standard streams first.
  ///
  /// - Parameter first: the lowest number that its descriptor may have.
  static func find(above first: Int32) throws(Errno) -> ControllingTerminal {
    for number in 0..<3 as Range<Int32> where (try? Terminals.modes(number)) != nil {
      return ControllingTerminal(descriptor: try Descriptors.duplicate(number, atLeast: first))
    }
    let path: StaticString = "/dev/tty"
    guard
      let number = try? Files.open(path: path.address, .readWrite | .noControllingTerminal)
    else { return none }
    defer { closeDescriptor(number) }
    return ControllingTerminal(descriptor: try Descriptors.duplicate(number, atLeast: first))
  }

  var exists: Bool { descriptor >= 0 }

  func close() {
    if exists { closeDescriptor(descriptor) }
  }
}
