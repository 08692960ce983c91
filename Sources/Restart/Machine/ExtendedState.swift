internal import CImage

/// The registers that XSAVE writes, by component, and where it puts them.
///
/// Source: Intel SDM volume 1, 13.4 and 13.5; CPUID leaf 0xD.
struct ExtendedState: BitwiseCopyable {
  struct Component: Equatable, BitwiseCopyable {
    var offset: UInt32 = 0
    var byteCount: UInt32 = 0

    var end: UInt64 { UInt64(offset) + UInt64(byteCount) }
  }

  /// The state components that the kernel has enabled, a bit each.
  var enabled: UInt64 = 0

  /// By number; 0 and 1 (x87 and SSE) lie at the same place everywhere.
  var components = InlineArray<64, Component>(repeating: Component())

  /// Why frames made on a machine of state `image` can't be taken here.
  enum Obstacle: Equatable {
    /// This machine has not got the component, or the kernel doesn't enable it.
    case missing(component: Int)
    /// It has it elsewhere in the frame.
    case elsewhere(component: Int)
  }

  /// Compares the components that a signal frame of `frameByteCount` bytes has room for.
  ///
  /// The kernel leaves those out that a program has to ask for (AMX tiles) until it has.
  func obstacle(to image: ExtendedState, frameByteCount: UInt64) -> Obstacle? {
    for number in 2..<63 where image.enabled & (1 << UInt64(number)) != 0 {
      let wanted = image.components[number]
      guard wanted.byteCount > 0, wanted.end <= frameByteCount else { continue }
      guard enabled & (1 << UInt64(number)) != 0 else { return .missing(component: number) }
      guard components[number] == wanted else { return .elsewhere(component: number) }
    }
    return nil
  }

  /// Whether a frame of `byteCount` bytes holds AMX tiles.
  func framesHoldTiles(byteCount: UInt64) -> Bool {
    let tiles = components[18]
    return tiles.byteCount > 0 && tiles.end <= byteCount
  }

  static func name(of component: Int) -> StaticString {
    switch component {
    case 2: "AVX"
    case 3, 4: "MPX"
    case 5, 6, 7: "AVX-512"
    case 9: "memory protection key"
    case 11, 12: "shadow stack"
    case 17, 18: "AMX"
    case 19: "APX"
    default: "extended"
    }
  }
}
