internal import CKernel

/// What this processor says of itself.
public enum Processor {
  /// The four registers that CPUID answers in.
  public struct Leaf: Equatable, Sendable, BitwiseCopyable {
    public let a: UInt32
    public let b: UInt32
    public let c: UInt32
    public let d: UInt32

    static let none = Leaf(a: 0, b: 0, c: 0, d: 0)
  }

  /// Asks for a leaf; all zeros when the processor has none of that number.
  public static func leaf(_ number: UInt32, _ subleaf: UInt32 = 0) -> Leaf {
    let family = number & 0x8000_0000
    guard ckernel_cpuid(family, 0).a >= number else { return .none }
    let answer = ckernel_cpuid(number, subleaf)
    return Leaf(a: answer.a, b: answer.b, c: answer.c, d: answer.d)
  }

  /// Whether the kernel uses memory protection keys: CPUID 7, OSPKE.
  public static var hasProtectionKeys: Bool { leaf(7).c >> 4 & 1 == 1 }

  /// The components of extended state that the kernel lets programs use: XCR0.
  ///
  /// 0 on a processor without XSAVE.
  public static var enabledComponents: UInt64 {
    // CPUID 1, ecx bit 27: OSXSAVE, without which xgetbv is an invalid instruction.
    leaf(1).c >> 27 & 1 == 1 ? ckernel_xgetbv() : 0
  }
}
