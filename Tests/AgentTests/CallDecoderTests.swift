import TestSupport
import Testing

@testable import Agent

/// Code as compilers and libraries write it, up to the `syscall` instruction.
@Suite struct CallDecoderTests {
  struct Example: Sendable, CustomTestStringConvertible {
    let name: String
    let code: [UInt8]
    let origin: CallDecoder.Origin
    var testDescription: String { name }
  }

  static let examples = [
    Example(
      name: "mov $7,%eax", code: [0xB8, 7, 0, 0, 0], origin: .number(7)),
    Example(
      name: "mov $281,%eax; mov %r14d,%edi", code: [0xB8, 0x19, 1, 0, 0, 0x44, 0x89, 0xF7],
      origin: .number(281)),
    Example(
      name: "mov $270,%eax; mov 0x18(%rsp),%r9",
      code: [0xB8, 0x0E, 1, 0, 0, 0x4C, 0x8B, 0x4C, 0x24, 0x18],
      origin: .number(270)),
    Example(
      name: "mov $70,%eax; lea 8(%rbp),%rsi; xor %r8d,%r8d",
      code: [0xB8, 70, 0, 0, 0, 0x48, 0x8D, 0x75, 8, 0x45, 0x31, 0xC0], origin: .number(70)),
    Example(name: "xor %eax,%eax", code: [0x31, 0xC0], origin: .number(0)),
    Example(
      name: "mov $7,%r8d is no number", code: [0x41, 0xB8, 7, 0, 0, 0], origin: .unknown),
    Example(
      name: "mov $7,%eax; mov %ebx,%eax", code: [0xB8, 7, 0, 0, 0, 0x89, 0xD8], origin: .unknown),
    Example(
      name: "mov $7,%eax; call", code: [0xB8, 7, 0, 0, 0, 0xE8, 0, 0, 0, 0], origin: .unknown),
    Example(
      name: "glibc syscall(3)",
      code: [
        0x48, 0x89, 0xF8, 0x48, 0x89, 0xF7, 0x48, 0x89, 0xD6, 0x48, 0x89, 0xCA, 0x4D, 0x89, 0xC2,
        0x4D, 0x89, 0xC8, 0x4C, 0x8B, 0x4C, 0x24, 0x08,
      ], origin: .callersRegister),
    Example(
      name: "musl __syscall_cp_asm",
      code: [
        0x48, 0x89, 0xF0, 0x48, 0x89, 0xD7, 0x48, 0x89, 0xCE, 0x4C, 0x89, 0xC2, 0x4D, 0x89, 0xCA,
        0x4C, 0x8B, 0x44, 0x24, 0x08, 0x4C, 0x8B, 0x4C, 0x24, 0x10, 0x4C, 0x89, 0x5C, 0x24, 0x08,
      ], origin: .outerCallersRegister),
    Example(name: "nothing", code: [], origin: .unknown),
  ]

  @Test(arguments: examples)
  func recognises(_ example: Example) {
    let padding = [UInt8](repeating: 0x90, count: CallDecoder.reach - example.code.count)
    #expect(origin(padding + example.code) == example.origin)
    #expect(origin(example.code) == example.origin)
  }

  @Test func findsTheNumberAtTheCallersCall() {
    // mov $7,%edi; call
    let code = [UInt8](repeating: 0x90, count: 20) + [0xBF, 7, 0, 0, 0, 0xE8, 1, 2, 3, 4]
    #expect(handedOn(code, above: 0, .callersRegister) == 7)
    // the same through the table of a shared library, with the count of vector arguments between
    let indirect: [UInt8] = [0xBF, 7, 0, 0, 0, 0x31, 0xC0, 0xFF, 0x15, 1, 2, 3, 4]
    #expect(handedOn(indirect, above: 0, .callersRegister) == 7)
    // mov $7,%r15d
    #expect(
      handedOn([0x90, 0x90, 0x90, 0x41] + code.suffix(10), above: 0, .callersRegister) == nil)
  }

  @Test func aPushedNumberMustLieAboveTheReturnAddress() {
    let code = [UInt8](repeating: 0x90, count: 20) + [0x6A, 35, 0xE8, 1, 2, 3, 4]
    #expect(handedOn(code, above: 35, .callersStack) == 35)
    #expect(handedOn(code, above: 36, .callersStack) == nil)
    #expect(handedOn(code, above: 35, .callersRegister) == nil)
  }

  @Test func aJumpBackToTheCallIsALoop() {
    // 8: syscall; 10: test %eax,%eax; 12: jne 3
    let loop: [UInt8] = [
      0x90, 0x90, 0x90, 0xB8, 7, 0, 0, 0, 0x0F, 0x05, 0x85, 0xC0, 0x75, 0xF5, 0xC3, 0x90, 0x90,
      0x90,
      0x90, 0x90,
    ]
    #expect(loops(loop, call: 8))
    // a jump back behind a return is the common end of a function
    var epilogue = loop
    epilogue[4] = 0xC3
    #expect(!loops(epilogue, call: 8))
    var straight = loop
    straight[12] = 0x90
    #expect(!loops(straight, call: 8))
  }

  @Test(arguments: 0..<300 as Range<UInt64>)
  func survivesAnyBytes(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    // Half of them the bytes that the decoder looks for.
    let usual: [UInt8] = [
      0x0F, 0x05, 0xB8, 0x48, 0x89, 0x8B, 0xBF, 0xE8, 0x6A, 0x31, 0xC0, 0xEB, 0x24,
    ]
    var bytes: [UInt8] = []
    for _ in 0..<Int.random(in: 0...64, using: &random) {
      let odd = UInt8.random(in: .min ... .max, using: &random)
      let isUsual = Bool.random(using: &random)
      bytes.append(isUsual ? usual.randomElement(using: &random) ?? 0 : odd)
    }
    _ = origin(bytes)
    _ = handedOn(bytes, above: 7, .callersStack)
    _ = handedOn(bytes, above: 7, .callersRegister)
    _ = handedOn(bytes, above: 7, .outerCallersRegister)
    for call in 0...bytes.count { _ = loops(bytes, call: call) }
  }

  private func origin(_ bytes: [UInt8]) -> CallDecoder.Origin {
    unsafe bytes.withUnsafeBytes { unsafe CallDecoder.origin($0.bytes) }
  }

  private func handedOn(
    _ bytes: [UInt8], above: UInt64, _ origin: CallDecoder.Origin
  ) -> Int64? {
    unsafe bytes.withUnsafeBytes { unsafe CallDecoder.handedOn($0.bytes, above: above, origin) }
  }

  private func loops(_ bytes: [UInt8], call: Int) -> Bool {
    unsafe bytes.withUnsafeBytes { unsafe CallDecoder.loops($0.bytes, call: call) }
  }
}
