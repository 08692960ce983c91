import CImage
import Kernel
import KernelABI
import CheckpointImage
import Testing

@testable import Restart

private func text(_ failure: RestartFailure) -> String {
  let name = (0..<failure.nameByteCount).map {
    Memory.load(UInt8.self, at: failure.name + UInt64($0))
  }
  return String(decoding: name, as: UTF8.self)
}

private func machine(
  _ features: [Int] = [0, 12, 13], enabled: UInt64 = 7, avxAt offset: UInt32 = 576
) -> MachineCheck {
  var words = CPUFeatures()
  for index in features {
    let feature = CPUFeatures.feature(index)
    words.words[feature.word.rawValue] |= 1 << feature.bit
  }
  var state = ExtendedState()
  state.enabled = enabled
  state.components[2] = .init(offset: offset, byteCount: 256)
  state.components[5] = .init(offset: 832, byteCount: 64)
  state.components[18] = .init(offset: 2816, byteCount: 8192)
  return MachineCheck(features: words, state: state)
}

private func refusal(
  _ image: MachineCheck, on here: MachineCheck, frame: UInt64 = 2440
) -> RestartFailure? {
  do {
    try here.check(image.features, image.state, frameByteCount: frame)
    return nil
  } catch {
    return error
  }
}

@Suite struct MachineTests {
  @Test func theSameMachineWillDo() { #expect(refusal(machine(), on: machine()) == nil) }

  @Test func aBetterMachineWillDo() {
    #expect(refusal(machine(), on: machine(Array(0..<80), enabled: 0xE7)) == nil)
  }

  @Test func namesTheFirstFeatureThatIsMissing() throws {
    let failure = try #require(refusal(machine([0, 12, 14, 15]), on: machine()))
    #expect(failure.status == .missingKernelFeature)
    #expect(text(failure) == "avx512f")
  }

  @Test func namesTheRegistersThatAreMissing() throws {
    let failure = try #require(refusal(machine(enabled: 0x27), on: machine()))
    #expect(text(failure) == "AVX-512")
  }

  @Test func refusesAnotherLayout() throws {
    let failure = try #require(refusal(machine(), on: machine(avxAt: 640)))
    #expect(text(failure) == "AVX")
  }

  @Test func tilesThatTheProgramNeverAskedForDoNotMatter() {
    let tiles = machine([0, 12, 34, 35], enabled: 7 | 1 << 18)
    #expect(refusal(tiles, on: machine()) == nil)
    #expect(refusal(tiles, on: machine(), frame: 11008) != nil)
  }

  @Test func everyFeatureHasItsOwnBitAndName() {
    var seen = Set<String>()
    for index in 0..<CPUFeatures.featureCount {
      let feature = CPUFeatures.feature(index)
      #expect(seen.insert("\(feature.word.rawValue).\(feature.bit)").inserted)
      #expect(seen.insert(feature.name.description).inserted)
    }
  }

  @Test func thisMachineTakesItsOwn() throws {
    try MachineCheck(features: .here, state: .here).check(.here, .here, frameByteCount: 1 << 20)
    #expect(CPUFeatures.here.has(CPUFeatures.feature(4)))
  }
}

@Suite struct AddressSpaceTests {
  private let own = AddressRange(start: 0x10000, end: 0x90000) ?? .empty

  private func refusal(
    _ ranges: [(UInt64, UInt64)], _ limits: AddressSpaceLimits = AddressSpaceLimits()
  ) -> RestartFailure? {
    var list = ranges.map { start, end in
      var region = ckpt_region()
      region.start = start
      region.end = end
      return region
    }
    return unsafe list.withUnsafeMutableBytes { bytes in
      let base = Address(UInt64(UInt(bitPattern: bytes.baseAddress)))
      do throws(RestartFailure) {
        try AddressSpaceCheck(own: own, limits: limits).check(
          Records(at: base, count: ranges.count))
        return nil
      } catch {
        return error
      }
    }
  }

  @Test func acceptsAnOrdinaryProgram() {
    #expect(refusal([(0x400000, 0x500000), (0x7fff_0000_0000, 0x7fff_ffff_f000)]) == nil)
  }

  @Test func refusesMemoryWhereItLiesItself() {
    #expect(refusal([(0x8f000, 0x91000)])?.number == 0x8f000)
    #expect(refusal([(0x90000, 0x91000)]) == nil)
  }

  @Test func refusesWhatIsTooLowOrTooHigh() {
    var limits = AddressSpaceLimits()
    limits.lowest = Address(0x10000)
    #expect(refusal([(0, 0x1000)], limits) != nil)
    #expect(refusal([(0, 0x1000)]) == nil)
    #expect(refusal([(1 << 47, 1 << 47 + 4096)]) != nil)
  }

  @Test func refusesMoreThanTheLimits() {
    var limits = AddressSpaceLimits()
    limits.byteCount = 0x1000
    #expect(refusal([(0x400000, 0x402000)], limits)?.number == 0x1000)
    limits = AddressSpaceLimits()
    limits.regionCount = AddressSpaceCheck.spareRegions + 1
    #expect(refusal([(0x400000, 0x401000)], limits) == nil)
    #expect(refusal([(0x400000, 0x401000), (0x402000, 0x403000)], limits) != nil)
  }
}
