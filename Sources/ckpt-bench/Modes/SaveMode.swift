/// A way to save.
struct SaveMode {
  /// As tables call it.
  let name: String

  /// What `ckpt save` gets.
  let options: [String]

  /// What its report must say, `nil`: anything.
  var expected: String?

  /// Pages that the victim writes to meanwhile, in parts of a million of all of them per second.
  var share: UInt64 = 0

  /// Whether these are always the same pages, each ten times a second.
  var isHot = false

  /// Whether only the size of its image is of interest: it is made once, not in every round.
  var isForSize = false

  static let standard = SaveMode(name: "copy-on-write", options: [], expected: "copy-on-write")
  static let inPlace = SaveMode(name: "in place", options: ["--sync"], expected: "in-place")
  static let precopy = SaveMode(
    name: "precopy, 1 %/s dirty", options: ["--precopy"], expected: "precopy", share: 10_000)
  static let precopyHot = SaveMode(
    name: "precopy, 1 % hot", options: ["--precopy"], expected: "precopy", share: 10_000,
    isHot: true)
  static let thin = SaveMode(name: "thin", options: ["--thin"], isForSize: true)

  static let all = [standard, inPlace, precopy, precopyHot, thin]
}
