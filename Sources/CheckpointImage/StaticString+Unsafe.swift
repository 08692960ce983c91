extension ImageEnd {
  /// One byte of `names`.
  static func name(at index: Int) -> UInt8 { names.byte(at: index) }
}

extension StaticString {
  /// One byte of a constant of more than one ASCII character.
  ///
  /// In bounds because such a constant has a pointer to `utf8CodeUnitCount` bytes, and that is
  /// checked.
  func byte(at index: Int) -> UInt8 {
    precondition(hasPointerRepresentation && index >= 0 && index < utf8CodeUnitCount)
    return unsafe utf8Start[index]
  }
}
