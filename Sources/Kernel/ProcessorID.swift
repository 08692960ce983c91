internal import CKernel

/// What the CPUID instruction says of this machine.
public enum ProcessorID {
  /// The words with the CPU's features, 0 where the CPU has no such leaf: leaves 1 (ecx, edx),
  /// 7 (ebx, ecx, edx, and eax of sub-leaf 1), 0x80000001 (ecx, edx).
  ///
  /// Source: Intel SDM volume 2A, CPUID.
  public static var featureWords: InlineArray<8, UInt32> {
    let none = CKernel.ckernel_cpuid()
    let leaf1 = ckernel_cpuid(1, 0)
    let hasLeaf7 = ckernel_cpuid(0, 0).a >= 7
    let leaf7 = hasLeaf7 ? ckernel_cpuid(7, 0) : none
    let leaf71 = leaf7.a >= 1 ? ckernel_cpuid(7, 1) : none
    let hasLeaf81 = ckernel_cpuid(0x8000_0000, 0).a >= 0x8000_0001
    let leaf81 = hasLeaf81 ? ckernel_cpuid(0x8000_0001, 0) : none
    return [leaf1.c, leaf1.d, leaf7.b, leaf7.c, leaf7.d, leaf71.a, leaf81.c, leaf81.d]
  }
}
