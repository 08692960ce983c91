public import KernelABI

/// Operations of prctl(2).
///
/// Source: `include/uapi/linux/prctl.h`, `securebits.h`.
public enum Prctl {
  public struct Operation: Equatable, Sendable, BitwiseCopyable {
    fileprivate let rawValue: Int
    @inline(__always) fileprivate init(rawValue: Int) { self.rawValue = rawValue }
  }

  public static let setDeathSignal = Operation(rawValue: 1)
  public static let getDeathSignal = Operation(rawValue: 2)
  public static let getDumpable = Operation(rawValue: 3)
  public static let setDumpable = Operation(rawValue: 4)
  public static let getKeepCapabilities = Operation(rawValue: 7)
  public static let setKeepCapabilities = Operation(rawValue: 8)
  public static let setName = Operation(rawValue: 15)
  public static let getName = Operation(rawValue: 16)
  public static let readBoundingSet = Operation(rawValue: 23)
  public static let dropBoundingSet = Operation(rawValue: 24)
  public static let getTSC = Operation(rawValue: 25)
  public static let setTSC = Operation(rawValue: 26)
  public static let getSecurebits = Operation(rawValue: 27)
  public static let setSecurebits = Operation(rawValue: 28)
  public static let setTimerSlack = Operation(rawValue: 29)
  public static let getTimerSlack = Operation(rawValue: 30)
  public static let setMachineCheck = Operation(rawValue: 33)
  public static let getMachineCheck = Operation(rawValue: 34)
  public static let setMemoryMap = Operation(rawValue: 35)
  public static let setSubreaper = Operation(rawValue: 36)
  public static let getSubreaper = Operation(rawValue: 37)
  public static let setNoNewPrivileges = Operation(rawValue: 38)
  public static let getNoNewPrivileges = Operation(rawValue: 39)
  public static let getTIDAddress = Operation(rawValue: 40)
  public static let setTHPDisable = Operation(rawValue: 41)
  public static let getTHPDisable = Operation(rawValue: 42)
  public static let ambientCapabilities = Operation(rawValue: 47)
  public static let getSpeculation = Operation(rawValue: 52)
  public static let setSpeculation = Operation(rawValue: 53)
  public static let setIOFlusher = Operation(rawValue: 57)
  public static let getIOFlusher = Operation(rawValue: 58)
  public static let setMDWE = Operation(rawValue: 65)
  public static let getMDWE = Operation(rawValue: 66)
  public static let setMemoryMerge = Operation(rawValue: 67)
  public static let getMemoryMerge = Operation(rawValue: 68)
  public static let timerCreateRestoreIDs = Operation(rawValue: 77)
  public static let setTracer = Operation(rawValue: 0x5961_6d61)

  /// PR_SET_MM_MAP, the second argument of `setMemoryMap`.
  static let memoryMap = 14

  /// Makes the call with whatever the operation takes.
  ///
  /// - Throws: `Errno.invalid` also when the kernel does not know the operation.
  @inline(__always) @discardableResult
  public static func call(
    _ operation: Operation, _ a: Int = 0, _ b: Int = 0, _ c: Int = 0, _ d: Int = 0
  ) throws(Errno) -> Int {
    try systemCall(SyscallNumber.prctl, operation.rawValue, a, b, c, d)
  }

  /// The value of an operation that answers by writing an `int`, 0 when the kernel refuses.
  public static func integer(_ operation: Operation) -> Int32 {
    var value: Int32 = 0
    _ = try? withAddress(of: &value) { (address) throws(Errno) in
      try call(operation, address.argument)
    }
    return value
  }

  /// The value of an operation that answers by its result, 0 when the kernel refuses.
  public static func result(_ operation: Operation, _ a: Int = 0, _ b: Int = 0) -> Int {
    max(0, rawSystemCall(SyscallNumber.prctl, operation.rawValue, a, b, 0, 0))
  }

  /// Names the calling thread; the first 15 bytes count.
  ///
  /// Source: PR_SET_NAME(2const).
  public static func setName(_ name: StaticString) {
    _ = result(setName, name.address.argument)
  }

  /// The signal that the caller gets when its parent ends, 0: none.
  ///
  /// Source: PR_SET_PDEATHSIG(2const).
  public static func setDeathSignal(_ signal: Int32) { _ = result(setDeathSignal, Int(signal)) }

  /// Makes the orphans among the caller's descendants its children.
  ///
  /// Source: PR_SET_CHILD_SUBREAPER(2const).
  public static func adoptOrphans() { _ = result(setSubreaper, 1) }

  /// PR_SET_PTRACER_ANY.
  public static let anyProcess: Int32 = -1

  /// Lets a process trace the caller where Yama asks who may, 0: none.
  ///
  /// Source: PR_SET_PTRACER(2const).
  public static func allowTracing(by process: Int32) { _ = result(setTracer, Int(process)) }
}
