internal import CheckpointImage
internal import CheckpointKit
internal import KernelABI

extension ChainFailure {
  /// The words for it; `path` is the image that was named.
  func failure(reading path: String) -> CommandFailure {
    switch self {
    case .image(let failure): return failure.failure(reading: path)
    case .missing(let name, let child, let places):
      return CommandFailure(
        "cannot read \(path): \(name), which \(child) needs, is missing (ENOENT)",
        status: .damagedImage,
        hints: [
          "looked for it as \(places.joined(separator: " and "))",
          "an incremental image has only what changed: keep the others beside it",
        ])
    case .foreign(let place, let child, let wanted, let found):
      return CommandFailure(
        "cannot read \(path): \(place) is another image than the one that \(child) needs",
        status: .damagedImage,
        hints: ["it is \(found), and \(wanted) is needed", "was it overwritten or swapped?"])
    case .parent(let place, let child, let failure):
      let inner = failure.failure(reading: place)
      return CommandFailure(
        "\(inner.sentence)", status: .damagedImage,
        hints: ["\(child) needs it"] + inner.hints)
    case .cycle(let place, let child):
      return CommandFailure(
        "cannot read \(path): \(child) needs \(place), which itself needs \(child)",
        status: .damagedImage, hints: ["no ckpt writes such images"])
    case .tooLong(let limit):
      return CommandFailure(
        "cannot read \(path): it needs more than \(limit) others", status: .damagedImage)
    }
  }
}
