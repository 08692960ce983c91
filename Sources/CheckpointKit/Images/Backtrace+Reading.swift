internal import CheckpointImage

extension Backtrace {
  static func all(of file: CheckpointImageFile, at path: String) -> [Backtrace] { [] }
}
