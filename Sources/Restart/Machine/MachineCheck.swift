internal import CImage
internal import CheckpointImage
internal import Kernel

/// What an image asks of the CPU, against what this one has.
///
/// Pure: both sides are values.
struct MachineCheck {
  var features: CPUFeatures
  var state: ExtendedState

  /// - Throws: a failure of status `.missingKernelFeature` that names the first thing missing.
  func check(
    _ imageFeatures: CPUFeatures, _ imageState: ExtendedState, frameByteCount: UInt64
  ) throws(RestartFailure) {
    let withTiles = imageState.framesHoldTiles(byteCount: frameByteCount)
    if let missing = imageFeatures.firstMissing(in: features, withTiles: withTiles) {
      throw Self.refusal(
        "the program was started on a CPU with a feature that this one lacks:", missing.name)
    }
    switch state.obstacle(to: imageState, frameByteCount: frameByteCount) {
    case nil: break
    case .missing(let component):
      throw Self.refusal(
        "this kernel or CPU does not keep the registers that the program has:",
        ExtendedState.name(of: component))
    case .elsewhere(let component):
      throw Self.refusal(
        "this CPU saves some registers at another place than the one of the image:",
        ExtendedState.name(of: component))
    }
  }

  private static func refusal(_ what: StaticString, _ name: StaticString) -> RestartFailure {
    RestartFailure(
      .missingKernelFeature, what,
      hint: "restart it on a machine of the same kind as the one it was saved on",
      name: name.address, nameByteCount: name.utf8CodeUnitCount)
  }
}
