internal import CheckpointImage
internal import Kernel

extension Backtrace {
  /// Frames that are shown of one thread.
  private static let frameLimit = 200

  /// One for each thread of the image, without frames where libunwind finds none.
  ///
  /// - Parameter memory: knows what the image itself has not.
  static func all(
    of file: CheckpointImageFile, in image: ImageFile, _ head: ImageHead, _ memory: ImageMemory?
  ) -> [Backtrace] {
    guard let core = core(of: image, head, memory) else {
      return file.threads.map { Backtrace(tid: $0.tid, frames: []) }
    }
    let modules = modules(of: file, in: core)
    core.setModules(modules.compactMap(\.unwindTable))
    var frames: [Int32: [Frame]] = [:]
    for index in 0..<core.threadCount {
      let tid = core.select(index)
      frames[tid] = core.trace(limit: frameLimit).enumerated().map {
        // A return address stands behind the call, which may be the last of its function.
        frame(at: $1, looksAt: $0 == 0 ? $1 : $1 &- 1, modules)
      }
    }
    return file.threads.map { Backtrace(tid: $0.tid, frames: frames[$0.tid] ?? []) }
  }

  /// libunwind takes a core only from the start of a file: of a snapshot executable it gets the head,
  /// and `memory` has all of the rest.
  private static func core(
    of image: ImageFile, _ head: ImageHead, _ memory: ImageMemory?
  ) -> Core? {
    guard head.hasSoundCoreNotes else { return nil }
    guard image.executable != nil else { return Core(path: image.readablePath, memory) }
    guard let file = try? HostFiles.temporary(holding: head.coreWithoutData) else { return nil }
    return Core(path: "/proc/self/fd/\(file.number)", memory)
  }

  /// Every file whose first page is mapped.
  private static func modules(of file: CheckpointImageFile, in core: Core) -> [CodeModule] {
    file.regions.compactMap { region in
      guard region.fileOffset == 0, region.kind == .privateFile || region.kind == .vdso else {
        return nil
      }
      return CodeModule(path: region.path ?? "[vdso]", base: region.start, core: core)
    }
  }

  private static func frame(
    at address: UInt64, looksAt place: UInt64, _ modules: [CodeModule]
  ) -> Frame {
    let module = modules.first { $0.contains(place) }
    let match = module?.function(at: place)
    return Frame(
      address: address, function: match?.name, offset: match.map { $0.offset + (address - place) },
      module: module?.path)
  }
}
