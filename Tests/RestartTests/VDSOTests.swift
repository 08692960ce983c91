import Foundation
import Kernel
import KernelABI
import Testing

@testable import Restart

/// Against the vdso of the kernel that the test runs on.
@Suite struct VDSOTests {
  private static let code = try? KernelMappings(in: LiveMappings()).code

  private func live() throws -> AddressRange { try #require(Self.code) }

  private func copy(_ range: AddressRange) throws -> AddressRange {
    let start = try Mapping.map(
      byteCount: range.byteCount, .read | .write | .execute, .private | .anonymous)
    Memory.copy(from: range.start, to: start, byteCount: range.byteCount)
    return try #require(AddressRange(start: start, byteCount: range.byteCount))
  }

  @_lifetime(immortal)
  private func table(in range: AddressRange) -> VDSOSymbols? {
    VDSOSymbols(Memory.bytes(at: range.start, count: Int(range.byteCount)))
  }

  private func missing() { Issue.record("no symbols in the vdso") }

  @Test func findsTheClock() throws {
    let range = try live()
    guard let symbols = table(in: range) else { return missing() }
    var found: [UInt64] = []
    for index in 0..<symbols.count where symbols.hasName("__vdso_clock_gettime", index) {
      if let place = symbols.function(index) { found.append(place) }
    }
    #expect(found.count == 1)
  }

  @Test func everyFunctionIsItsOwnCounterpart() throws {
    let range = try live()
    let bytes = Memory.bytes(at: range.start, count: Int(range.byteCount))
    guard let symbols = VDSOSymbols(bytes) else { return missing() }
    var count = 0
    for index in 0..<symbols.count {
      guard let place = symbols.function(index) else { continue }
      let counterpart = symbols.counterpart(of: index, in: symbols)
      #expect(counterpart == place)
      count += 1
    }
    #expect(count >= 5)
  }

  /// Functions must lie far enough apart for a stub each.
  @Test func stubsDoNotOverlap() throws {
    let range = try live()
    guard let symbols = table(in: range) else { return missing() }
    var all: Set<UInt64> = []
    for index in 0..<symbols.count { if let place = symbols.function(index) { all.insert(place) } }
    let places = all.sorted()
    for (place, next) in zip(places, places.dropFirst()) {
      #expect(next - place >= UInt64(VDSOStub.byteCount))
    }
  }

  @Test func aPatchedCopyStillTellsTheTime() throws {
    let range = try live()
    let patched = try copy(range)
    guard let new = table(in: range) else { return missing() }
    guard let old = table(in: patched) else { return missing() }
    var clock: Address?
    for index in 0..<old.count {
      guard let place = old.function(index) else { continue }
      if old.hasName("__vdso_clock_gettime", index) { clock = patched.start + place }
      let stub = VDSOStub.replacing(index, of: old, by: new, at: range.start)
      #expect(stub == .jump(to: range.start + place))
      stub.write(at: patched.start + place)
    }
    try expectClock(at: try #require(clock))
    try Mapping.unmap(patched)
  }

  @Test func aSystemCallStandsInForAMissingFunction() throws {
    let start = try Mapping.map(
      byteCount: pageByteCount, .read | .write | .execute, .private | .anonymous)
    VDSOStub.call(228).write(at: start)
    try expectClock(at: start)
    VDSOStub.refuse.write(at: start)
    var time = timespec()
    #expect(unsafe function(at: start)(CLOCK_MONOTONIC, &time) == -38)
    try Mapping.unmap(try #require(AddressRange(start: start, byteCount: pageByteCount)))
  }

  @Test(arguments: 0..<300 as Range<UInt64>)
  func survivesDamage(seed: UInt64) throws {
    let range = try live()
    let damaged = try copy(range)
    var random = SplitMix(state: seed)
    for _ in 0..<Int.random(in: 1...20, using: &random) {
      let place = UInt64.random(in: 0..<(seed % 2 == 0 ? 0x400 : range.byteCount), using: &random)
      Memory.store(UInt8.random(in: .min ... .max, using: &random), at: damaged.start + place)
    }
    let length = Int.random(in: 0...Int(range.byteCount), using: &random)
    if let symbols = VDSOSymbols(Memory.bytes(at: damaged.start, count: length)) {
      for index in 0..<symbols.count {
        if let place = symbols.function(index) { #expect(place < length) }
        _ = symbols.hasName("time", index)
      }
    }
    try Mapping.unmap(damaged)
  }

  private typealias Clock = @convention(c) (clockid_t, UnsafeMutablePointer<timespec>) -> Int32

  private func function(at address: Address) -> Clock {
    unsafe unsafeBitCast(UInt(address.rawValue), to: Clock.self)
  }

  private func expectClock(at address: Address) throws {
    var before = timespec()
    var between = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &before)
    #expect(unsafe function(at: address)(CLOCK_MONOTONIC, &between) == 0)
    let seconds = between.tv_sec - before.tv_sec
    #expect(seconds == 0 || seconds == 1)
  }
}
