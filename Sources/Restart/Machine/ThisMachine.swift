internal import CImage
internal import CKernel
internal import CheckpointImage
internal import Kernel
internal import KernelABI

extension CPUFeatures {
  /// Those of the CPU that this runs on.
  static var here: CPUFeatures {
    var here = CPUFeatures()
    here.words = ProcessorID.featureWords
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
