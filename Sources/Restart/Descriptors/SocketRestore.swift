internal import CImage
internal import Kernel
internal import KernelABI

enum SocketRestore {
  static func comesFirst(_ index: Int, _ bench: Workbench) -> Bool { false }

  static func open(_ index: Int, _ bench: inout Workbench) throws(RestartFailure) {
    throw bench.damaged(index)
  }

  static func finish(_ index: Int, _ bench: Workbench) throws(RestartFailure) {}
}
