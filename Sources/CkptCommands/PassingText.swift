internal import CheckpointImage
internal import CheckpointKit

/// What there is to say of a stream besides: registers, and digests to compare with the other end's.
struct PassingText {
  private let passing: PassingInspection

  init(_ passing: PassingInspection) { self.passing = passing }

  var text: String { "\n" + (registers + [""] + digests).joined(separator: "\n") + "\n" }

  private var registers: [String] {
    ["registers"]
      + passing.registers.map { thread in
        let values = ["rip", "rsp", "rbp", "rax", "rdi", "rsi", "rdx"].map { name in
          "\(name) \(hexadecimal(thread.values[name] ?? 0))"
        }
        return "  \(thread.tid) \(values.joined(separator: " "))"
      }
  }

  private var digests: [String] {
    ["digests of what is stored of regions"]
      + zip(passing.inspection.file.regions, passing.digests).compactMap { region, digest in
        digest.map {
          "  \(String(region.start, radix: 16))-\(String(region.end, radix: 16)) \(hexadecimal($0))"
        }
      }
  }
}

/// The same as JSON: the members of an inspection, and these.
struct PassingReport: Encodable {
  private let passing: PassingInspection

  init(_ passing: PassingInspection) { self.passing = passing }

  private enum CodingKeys: CodingKey { case registers, regionDigests, damagedPages }

  func encode(to encoder: any Encoder) throws {
    try passing.inspection.encode(to: encoder)
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(passing.registers, forKey: .registers)
    try container.encode(passing.digests.map { $0.map(hexadecimal) }, forKey: .regionDigests)
    try container.encode(passing.damagedPageCount, forKey: .damagedPages)
  }
}
