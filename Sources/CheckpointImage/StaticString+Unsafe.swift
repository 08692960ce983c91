extension ImageEnd {
  /// One byte of `names`.
  ///
  /// In bounds because `names` is a constant of more than one ASCII character, so it has a pointer
  /// to `utf8CodeUnitCount` bytes, and that is checked.
  static func name(at index: Int) -> UInt8 {
    precondition(index >= 0 && index < names.utf8CodeUnitCount)
    return unsafe names.utf8Start[index]
  }
}
