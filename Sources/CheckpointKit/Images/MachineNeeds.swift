public import CheckpointImage
internal import Kernel

/// What an image asks of a CPU, and whether this one has it.
public struct MachineNeeds: Codable, Equatable, Sendable {
  /// Names as in /proc/cpuinfo.
  public var features: [String]
  public var missing: [String]

  public init(_ machine: MachineSummary, here: CPUFeatures = .ofThisMachine) {
    var saved = CPUFeatures()
    for (index, word) in machine.features.prefix(8).enumerated() { saved.words[index] = word }
    let all = (0..<CPUFeatures.featureCount).map { CPUFeatures.feature($0) }
    let needed = all.filter { saved.has($0) }
    features = needed.map { "\($0.name)" }
    missing = needed.filter { !here.has($0) }.map { "\($0.name)" }
  }
}

extension CPUFeatures {
  /// Those of the CPU that this runs on.
  public static var ofThisMachine: CPUFeatures {
    var here = CPUFeatures()
    here.words = ProcessorID.featureWords
    return here
  }
}
