internal import Kernel
internal import KernelABI

/// Where is said what the user should know and what stops nothing.
struct Warnings: BitwiseCopyable {
  /// -1: nowhere.
  private let descriptor: Int32

  /// - Parameter isQuiet: a snapshot executable says nothing of what comes back otherwise.
  init(to descriptor: Int32, isQuiet: Bool) { self.descriptor = isQuiet ? -1 : descriptor }

  func say(_ text: StaticString) {
    guard descriptor >= 0 else { return }
    var line = Line("restart: warning: ")
    line.append(text)
    line.append("\n")
    line.write(to: descriptor)
  }

  /// Likewise, about one descriptor.
  func say(_ text: StaticString, number: UInt64, path: Address, byteCount: Int) {
    guard descriptor >= 0 else { return }
    var line = Line("restart: warning: ")
    line.append(text)
    line.append(" descriptor ")
    line.append(decimal: number)
    line.append(" ")
    line.append(at: path, count: byteCount)
    line.append("\n")
    line.write(to: descriptor)
  }
}
