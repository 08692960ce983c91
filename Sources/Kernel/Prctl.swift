public import KernelABI

/// Operations of prctl(2).
///
/// Source: `include/uapi/linux/prctl.h`, `securebits.h`.
public enum Prctl {
  public static let setDeathSignal = 1
  public static let getDeathSignal = 2
  public static let getDumpable = 3
  public static let setDumpable = 4
  public static let getKeepCapabilities = 7
  public static let setKeepCapabilities = 8
  public static let setName = 15
  public static let getName = 16
  public static let readBoundingSet = 23
  public static let dropBoundingSet = 24
  public static let getTSC = 25
  public static let setTSC = 26
  public static let getSecurebits = 27
  public static let setSecurebits = 28
  public static let setTimerSlack = 29
  public static let getTimerSlack = 30
  public static let setMachineCheck = 33
  public static let getMachineCheck = 34
  public static let setMemoryMap = 35
  public static let setSubreaper = 36
  public static let getSubreaper = 37
  public static let setNoNewPrivileges = 38
  public static let getNoNewPrivileges = 39
  public static let getTIDAddress = 40
  public static let setTHPDisable = 41
  public static let getTHPDisable = 42
  public static let ambientCapabilities = 47
  public static let getSpeculation = 52
  public static let setSpeculation = 53
  public static let setIOFlusher = 57
  public static let getIOFlusher = 58
  public static let setMDWE = 65
  public static let getMDWE = 66
  public static let setMemoryMerge = 67
  public static let getMemoryMerge = 68
  public static let timerCreateRestoreIDs = 77

  /// PR_SET_MM_MAP, the second argument of `setMemoryMap`.
  public static let memoryMap = 14

  /// Makes the call with whatever the operation takes.
  ///
  /// - Throws: `Errno.invalid` also when the kernel does not know the operation.
  @inline(__always) @discardableResult
  public static func call(
    _ operation: Int, _ a: Int = 0, _ b: Int = 0, _ c: Int = 0, _ d: Int = 0
  ) throws(Errno) -> Int {
    try systemCall(SyscallNumber.prctl, operation, a, b, c, d)
  }

  /// The value of an operation that answers by writing an `int`, 0 when the kernel refuses.
  public static func integer(_ operation: Int) -> Int32 {
    var value: Int32 = 0
    _ = try? withAddress(of: &value) { (address) throws(Errno) in
      try call(operation, address.argument)
    }
    return value
  }

  /// The value of an operation that answers by its result, 0 when the kernel refuses.
  public static func result(_ operation: Int, _ a: Int = 0, _ b: Int = 0) -> Int {
    max(0, rawSystemCall(SyscallNumber.prctl, operation, a, b, 0, 0))
  }
}
