internal import CheckpointKit
internal import Kernel
internal import KernelABI

/// The files of a measurement: in a folder of its own, removed with it.
struct Scratch {
  let place: Place

  var folder: String { place.folder }
  func path(_ name: String) -> String { "\(folder)/\(name)" }

  func remove(_ name: String) { _ = try? HostFiles.remove(path(name)) }

  func text(_ name: String) -> String {
    (try? HostFiles.text(of: path(name))) ?? ""
  }

  func byteCount(_ name: String) -> UInt64 {
    (try? HostFiles.facts(of: path(name)).byteCount) ?? 0
  }

  /// Removes all files, and the files of folders one level down.
  func clear() {
    for name in (try? HostFiles.names(in: folder)) ?? [] {
      for inner in (try? HostFiles.names(in: path(name))) ?? [] {
        remove("\(name)/\(inner)")
      }
      remove(name)
      removeFolder(path(name))
    }
  }
}
