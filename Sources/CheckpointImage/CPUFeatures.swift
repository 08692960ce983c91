public import CImage

/// The words of CPUID that say which instructions a CPU has.
///
/// Source: Intel SDM volume 2A, CPUID; AMD APM volume 3, appendix E.
public struct CPUFeatures: Sendable, BitwiseCopyable {
  /// In the order of `Word`.
  public var words = InlineArray<8, UInt32>(repeating: 0)

  public enum Word: Int, Sendable, BitwiseCopyable {
    case leaf1c, leaf1d, leaf7b, leaf7c, leaf7d, leaf71a, leaf81c, leaf81d
  }

  public init() {}

  /// Those of the machine that an image was made on.
  public init(_ machine: ckpt_machine) {
    words = [
      machine.features_1c, machine.features_1d, machine.features_7b, machine.features_7c,
      machine.features_7d, machine.features_71a, machine.features_81c, machine.features_81d,
    ]
  }

  public func has(_ feature: Feature) -> Bool {
    words[feature.word.rawValue] & (1 << feature.bit) != 0
  }

  /// An instruction set extension that a program may have chosen at its start.
  public struct Feature: Sendable {
    public let word: Word
    public let bit: UInt32
    public let name: StaticString

    /// Belongs to AMX, which a program has to ask the kernel for.
    var isTile: Bool {
      switch (word, bit) {
      case (.leaf7d, 22), (.leaf7d, 24), (.leaf7d, 25), (.leaf71a, 21): true
      default: false
      }
    }
  }

  public static let featureCount = 80

  /// The features that user code may rely on, by their names in /proc/cpuinfo.
  ///
  /// Those that only the kernel uses, and those that only make something faster, are left out.
  public static func feature(_ index: Int) -> Feature {
    switch index {
    case 0: Feature(word: .leaf1d, bit: 15, name: "cmov")
    case 1: Feature(word: .leaf1d, bit: 23, name: "mmx")
    case 2: Feature(word: .leaf1d, bit: 24, name: "fxsr")
    case 3: Feature(word: .leaf1d, bit: 25, name: "sse")
    case 4: Feature(word: .leaf1d, bit: 26, name: "sse2")
    case 5: Feature(word: .leaf1d, bit: 19, name: "clflush")
    case 6: Feature(word: .leaf1c, bit: 0, name: "sse3")
    case 7: Feature(word: .leaf1c, bit: 9, name: "ssse3")
    case 8: Feature(word: .leaf1c, bit: 19, name: "sse4_1")
    case 9: Feature(word: .leaf1c, bit: 20, name: "sse4_2")
    case 10: Feature(word: .leaf1c, bit: 23, name: "popcnt")
    case 11: Feature(word: .leaf1c, bit: 27, name: "xsave")
    case 12: Feature(word: .leaf1c, bit: 28, name: "avx")
    case 13: Feature(word: .leaf7b, bit: 5, name: "avx2")
    case 14: Feature(word: .leaf7b, bit: 16, name: "avx512f")
    case 15: Feature(word: .leaf7b, bit: 17, name: "avx512dq")
    case 16: Feature(word: .leaf7b, bit: 28, name: "avx512cd")
    case 17: Feature(word: .leaf7b, bit: 30, name: "avx512bw")
    case 18: Feature(word: .leaf7b, bit: 31, name: "avx512vl")
    case 19: Feature(word: .leaf7b, bit: 21, name: "avx512ifma")
    case 20: Feature(word: .leaf7b, bit: 26, name: "avx512pf")
    case 21: Feature(word: .leaf7b, bit: 27, name: "avx512er")
    case 22: Feature(word: .leaf7c, bit: 1, name: "avx512vbmi")
    case 23: Feature(word: .leaf7c, bit: 6, name: "avx512_vbmi2")
    case 24: Feature(word: .leaf7c, bit: 11, name: "avx512_vnni")
    case 25: Feature(word: .leaf7c, bit: 12, name: "avx512_bitalg")
    case 26: Feature(word: .leaf7c, bit: 14, name: "avx512_vpopcntdq")
    case 27: Feature(word: .leaf7d, bit: 2, name: "avx512_4vnniw")
    case 28: Feature(word: .leaf7d, bit: 3, name: "avx512_4fmaps")
    case 29: Feature(word: .leaf7d, bit: 8, name: "avx512_vp2intersect")
    case 30: Feature(word: .leaf7d, bit: 23, name: "avx512_fp16")
    case 31: Feature(word: .leaf71a, bit: 5, name: "avx512_bf16")
    case 32: Feature(word: .leaf71a, bit: 4, name: "avx_vnni")
    case 33: Feature(word: .leaf71a, bit: 23, name: "avx_ifma")
    case 34: Feature(word: .leaf7d, bit: 24, name: "amx_tile")
    case 35: Feature(word: .leaf7d, bit: 25, name: "amx_int8")
    case 36: Feature(word: .leaf7d, bit: 22, name: "amx_bf16")
    case 37: Feature(word: .leaf71a, bit: 21, name: "amx_fp16")
    case 38: Feature(word: .leaf1c, bit: 12, name: "fma")
    case 39: Feature(word: .leaf1c, bit: 29, name: "f16c")
    case 40: Feature(word: .leaf7b, bit: 3, name: "bmi1")
    case 41: Feature(word: .leaf7b, bit: 8, name: "bmi2")
    case 42: Feature(word: .leaf81c, bit: 5, name: "abm")
    case 43: Feature(word: .leaf1c, bit: 22, name: "movbe")
    case 44: Feature(word: .leaf1c, bit: 25, name: "aes")
    case 45: Feature(word: .leaf1c, bit: 1, name: "pclmulqdq")
    case 46: Feature(word: .leaf1c, bit: 13, name: "cx16")
    case 47: Feature(word: .leaf1c, bit: 30, name: "rdrand")
    case 48: Feature(word: .leaf7b, bit: 18, name: "rdseed")
    case 49: Feature(word: .leaf7b, bit: 19, name: "adx")
    case 50: Feature(word: .leaf7b, bit: 29, name: "sha_ni")
    case 51: Feature(word: .leaf7b, bit: 0, name: "fsgsbase")
    case 52: Feature(word: .leaf7b, bit: 11, name: "rtm")
    case 53: Feature(word: .leaf7b, bit: 23, name: "clflushopt")
    case 54: Feature(word: .leaf7b, bit: 24, name: "clwb")
    case 55: Feature(word: .leaf7c, bit: 4, name: "ospke")
    case 56: Feature(word: .leaf7c, bit: 5, name: "waitpkg")
    case 57: Feature(word: .leaf7c, bit: 8, name: "gfni")
    case 58: Feature(word: .leaf7c, bit: 9, name: "vaes")
    case 59: Feature(word: .leaf7c, bit: 10, name: "vpclmulqdq")
    case 60: Feature(word: .leaf7c, bit: 22, name: "rdpid")
    case 61: Feature(word: .leaf7c, bit: 27, name: "movdiri")
    case 62: Feature(word: .leaf7c, bit: 28, name: "movdir64b")
    case 63: Feature(word: .leaf7c, bit: 29, name: "enqcmd")
    case 64: Feature(word: .leaf7d, bit: 14, name: "serialize")
    case 65: Feature(word: .leaf7d, bit: 16, name: "tsxldtrk")
    case 66: Feature(word: .leaf71a, bit: 0, name: "sha512")
    case 67: Feature(word: .leaf71a, bit: 1, name: "sm3")
    case 68: Feature(word: .leaf71a, bit: 2, name: "sm4")
    case 69: Feature(word: .leaf81c, bit: 0, name: "lahf_lm")
    case 70: Feature(word: .leaf81c, bit: 6, name: "sse4a")
    case 71: Feature(word: .leaf81c, bit: 7, name: "misalignsse")
    case 72: Feature(word: .leaf81c, bit: 11, name: "xop")
    case 73: Feature(word: .leaf81c, bit: 15, name: "lwp")
    case 74: Feature(word: .leaf81c, bit: 16, name: "fma4")
    case 75: Feature(word: .leaf81c, bit: 21, name: "tbm")
    case 76: Feature(word: .leaf81d, bit: 22, name: "mmxext")
    case 77: Feature(word: .leaf81d, bit: 27, name: "rdtscp")
    case 78: Feature(word: .leaf81d, bit: 30, name: "3dnowext")
    default: Feature(word: .leaf81d, bit: 31, name: "3dnow")
    }
  }

  /// The first feature that these have and `other` lacks; AMX counts only `withTiles`.
  public func firstMissing(in other: CPUFeatures, withTiles: Bool) -> Feature? {
    for index in 0..<Self.featureCount {
      let feature = Self.feature(index)
      if feature.isTile, !withTiles { continue }
      if has(feature), !other.has(feature) { return feature }
    }
    return nil
  }
}
