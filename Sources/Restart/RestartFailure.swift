internal import Kernel
public import KernelABI

/// Why an image can't be restarted: the parts of a sentence, and the exit status.
///
/// `restart` has no `ckpt` behind it to make prose, so the words travel with the failure. They are
/// constants; what varies is a number and a name that lies in the head of the image.
public struct RestartFailure: Error, Sendable, BitwiseCopyable {
  /// Exit statuses of `restart`, after sysexits(3).
  public enum Status: Int32, Sendable, BitwiseCopyable {
    case failed = 1
    case usage = 64
    case damagedImage = 65
    case missingKernelFeature = 69

    /// Whoever feeds the stream has failed, and said why: between the processes of a restart.
    case badlyFed = 74
    case permission = 77
  }

  public let status: Status

  /// What could not be done: "cannot open the image".
  public let what: StaticString

  /// What it was about: a path or the like, empty when `nameByteCount` is 0.
  public let name: Address
  public let nameByteCount: Int

  /// A number that belongs to it (a descriptor, a TID, an address), shown when `showsNumber`.
  public let number: UInt64
  public let numberStyle: NumberStyle

  public enum NumberStyle: UInt8, Sendable, BitwiseCopyable {
    case hidden, decimal, hexadecimal
  }

  /// Why: the kernel's error, not shown when 0.
  public let errno: Errno

  /// Why, in words, where errno does not say; may be empty.
  public let why: StaticString

  /// What the user can do about it; when it is empty, `advice` has what fits the error.
  public let hint: StaticString

  public init(
    _ status: Status, _ what: StaticString, errno: Errno = Errno.none,
    why: StaticString = "", hint: StaticString = "", number: UInt64 = 0,
    numberStyle: NumberStyle = .hidden, name: Address = .zero, nameByteCount: Int = 0
  ) {
    self.status = status
    self.what = what
    self.errno = errno
    self.why = why
    self.hint = hint
    self.number = number
    self.numberStyle = numberStyle
    self.name = name
    self.nameByteCount = nameByteCount
  }

  /// Writes `restart: what NUMBER NAME: why (ERRNO)` and `hint: …`.
  public func report(to descriptor: Int32 = 2) {
    guard status != .badlyFed else { return }
    var line = Line("restart: ")
    line.append(what)
    switch numberStyle {
    case .hidden: break
    case .decimal:
      line.append(" ")
      line.append(decimal: number)
    case .hexadecimal:
      line.append(" 0x")
      line.append(hex: number)
    }
    if nameByteCount > 0 {
      line.append(" ")
      line.append(at: name, count: nameByteCount)
    }
    if why.utf8CodeUnitCount > 0 {
      line.append(": ")
      line.append(why)
    }
    if errno.rawValue != 0 {
      line.append(why.utf8CodeUnitCount > 0 ? " (" : ": ")
      line.append(errno)
      if why.utf8CodeUnitCount > 0 { line.append(")") }
    }
    line.append("\n")
    line.append("hint: ")
    line.append(advice)
    line.append("\n")
    line.write(to: descriptor)
  }
}

/// Runs kernel calls and gives a failure the words for them.
@inline(__always) @discardableResult
func during<R>(
  _ what: StaticString, hint: StaticString = "", status: RestartFailure.Status = .failed,
  number: UInt64 = 0, numberStyle: RestartFailure.NumberStyle = .hidden,
  name: Address = .zero, nameByteCount: Int = 0,
  _ body: () throws(Errno) -> R
) throws(RestartFailure) -> R {
  do throws(Errno) {
    return try body()
  } catch {
    throw RestartFailure(
      status, what, errno: error, hint: hint, number: number, numberStyle: numberStyle,
      name: name, nameByteCount: nameByteCount)
  }
}
