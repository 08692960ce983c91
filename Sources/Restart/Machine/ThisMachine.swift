internal import CImage
internal import CKernel
internal import Kernel
internal import KernelABI

extension CPUFeatures {
  /// Those of the CPU that this runs on.
  static var here: CPUFeatures {
    let basic = ckernel_cpuid(0, 0).a
    let extended = ckernel_cpuid(0x8000_0000, 0).a
    var here = CPUFeatures()
    let leaf1 = ckernel_cpuid(1, 0)
    here.words[Word.leaf1c.rawValue] = leaf1.c
    here.words[Word.leaf1d.rawValue] = leaf1.d
    if basic >= 7 {
      let leaf7 = ckernel_cpuid(7, 0)
      here.words[Word.leaf7b.rawValue] = leaf7.b
      here.words[Word.leaf7c.rawValue] = leaf7.c
      here.words[Word.leaf7d.rawValue] = leaf7.d
      if leaf7.a >= 1 { here.words[Word.leaf71a.rawValue] = ckernel_cpuid(7, 1).a }
    }
    if extended >= 0x8000_0001 {
      let leaf81 = ckernel_cpuid(0x8000_0001, 0)
      here.words[Word.leaf81c.rawValue] = leaf81.c
      here.words[Word.leaf81d.rawValue] = leaf81.d
    }
    return here
  }
}

extension ExtendedState {
  /// That of the CPU and the kernel that this runs on.
  static var here: ExtendedState {
    var here = ExtendedState()
    guard CPUFeatures.here.words[CPUFeatures.Word.leaf1c.rawValue] & (1 << 27) != 0 else {
      return here
    }
    here.enabled = ckernel_xgetbv()
    for number in 2..<63 where here.enabled & (1 << UInt64(number)) != 0 {
      let leaf = ckernel_cpuid(0xD, UInt32(number))
      here.components[number] = Component(offset: leaf.b, byteCount: leaf.a)
    }
    return here
  }

  /// That of the machine which an image was made on.
  init(_ image: LoadedImage) {
    self.init()
    enabled = image.machine.xcr0
    let list = image.xstate
    for index in 0..<list.count where list[index].component < 63 {
      components[Int(list[index].component)] = Component(
        offset: list[index].offset, byteCount: list[index].byte_count)
    }
  }
}

/// Refuses an image that this machine can't go on with, before anything is changed.
///
/// - Parameter own: where this program lies; no region of the image may.
func checkMachine(for image: LoadedImage, own: AddressRange) throws(RestartFailure) {
  let machine = image.machine
  try MachineCheck(features: .here, state: .here).check(
    CPUFeatures(machine), ExtendedState(image),
    frameByteCount: UInt64(machine.frame_xstate_bytes))
  try AddressSpaceCheck(own: own, limits: .here).check(image.regions)
}
