internal import CKernel
public import KernelABI

/// The capability sets of the calling thread, a bit for each capability.
///
/// Source: capabilities(7), capget(2).
public struct Capabilities: Equatable, Sendable, BitwiseCopyable {
  public var effective: UInt64
  public var permitted: UInt64
  public var inheritable: UInt64

  public static let none = Capabilities(effective: 0, permitted: 0, inheritable: 0)

  /// CAP_LAST_CAP and a margin: numbers past the kernel's last are refused with EINVAL.
  public static let limit = 64

  private static let version3: UInt32 = 0x2008_0522

  public init(effective: UInt64, permitted: UInt64, inheritable: UInt64) {
    self.effective = effective
    self.permitted = permitted
    self.inheritable = inheritable
  }

  /// The calling thread's.
  public static func current() throws(Errno) -> Capabilities {
    var header = ckernel_cap_header(version: version3, pid: 0)
    var data = InlineArray<6, UInt32>(repeating: 0)
    try withAddress(of: &header) { (header) throws(Errno) in
      try withAddress(of: &data) { (data) throws(Errno) in
        try systemCall(SyscallNumber.capget, header.argument, data.argument)
      }
    }
    return Capabilities(
      effective: UInt64(data[3]) << 32 | UInt64(data[0]),
      permitted: UInt64(data[4]) << 32 | UInt64(data[1]),
      inheritable: UInt64(data[5]) << 32 | UInt64(data[2]))
  }

  /// Makes them the calling thread's.
  public func apply() throws(Errno) {
    var header = ckernel_cap_header(version: Self.version3, pid: 0)
    var data = InlineArray<6, UInt32>(repeating: 0)
    data[0] = UInt32(truncatingIfNeeded: effective)
    data[1] = UInt32(truncatingIfNeeded: permitted)
    data[2] = UInt32(truncatingIfNeeded: inheritable)
    data[3] = UInt32(truncatingIfNeeded: effective >> 32)
    data[4] = UInt32(truncatingIfNeeded: permitted >> 32)
    data[5] = UInt32(truncatingIfNeeded: inheritable >> 32)
    try withAddress(of: &header) { (header) throws(Errno) in
      try withAddress(of: &data) { (data) throws(Errno) in
        try systemCall(SyscallNumber.capset, header.argument, data.argument)
      }
    }
  }

  /// The bounding set of the calling thread.
  ///
  /// Source: PR_CAPBSET_READ(2const).
  public static var bounding: UInt64 {
    var set: UInt64 = 0
    for capability in 0..<limit where Prctl.result(Prctl.readBoundingSet, capability) == 1 {
      set |= 1 << UInt64(capability)
    }
    return set
  }

  /// Takes everything out of the bounding set that is not in `kept`.
  ///
  /// - Throws: what the first refusal was; numbers that the kernel does not know don't count.
  public static func dropBounding(except kept: UInt64) throws(Errno) {
    for capability in 0..<limit where kept >> UInt64(capability) & 1 == 0 {
      guard Prctl.result(Prctl.readBoundingSet, capability) == 1 else { continue }
      try Prctl.call(Prctl.dropBoundingSet, capability)
    }
  }

  /// The ambient set of the calling thread.
  ///
  /// Source: PR_CAP_AMBIENT(2const), PR_CAP_AMBIENT_IS_SET.
  public static var ambient: UInt64 {
    var set: UInt64 = 0
    for capability in 0..<limit where Prctl.result(Prctl.ambientCapabilities, 1, capability) == 1 {
      set |= 1 << UInt64(capability)
    }
    return set
  }

  /// PR_CAP_AMBIENT_CLEAR_ALL.
  public static func clearAmbient() {
    _ = Prctl.result(Prctl.ambientCapabilities, 4)
  }

  /// PR_CAP_AMBIENT_RAISE; each must be permitted and inheritable.
  public static func raiseAmbient(_ set: UInt64) throws(Errno) {
    for capability in 0..<limit where set >> UInt64(capability) & 1 == 1 {
      try Prctl.call(Prctl.ambientCapabilities, 2, capability)
    }
  }
}
