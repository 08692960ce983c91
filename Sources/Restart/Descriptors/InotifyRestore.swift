internal import CImage
internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// An inotify descriptor, with its watches under their numbers.
enum InotifyRestore {
  static func open(_ index: Int, _ context: FileRestoreContext) throws(RestartFailure) {
    let number = try context.doing("cannot make the inotify", index) { () throws(Errno) in
      try Events.makeWatcher()
    }
    try context.keep(number, as: index)
    let watches = try context.detail(index).array(after: 0, of: ckpt_inotify_watch.self)
    let strings = UInt64(context.image.index.strings.count)
    var highest: Int32 = 0
    for position in 0..<watches.count {
      let watch = watches[position]
      guard UInt64(watch.path_offset) + UInt64(watch.path_bytes) <= strings,
        watch.identifier > 0, watch.identifier < .max
      else { throw context.damaged(index) }
      try add(watch, index, context)
      highest = max(highest, watch.identifier)
    }
    if highest > 0 { try? Events.setNextWatch(context.opened[index], highest + 1) }
  }

  private static func add(
    _ watch: ckpt_inotify_watch, _ index: Int, _ context: FileRestoreContext
  ) throws(RestartFailure) {
    let name = ckpt_string(offset: watch.path_offset, byte_count: watch.path_bytes)
    try during(
      "cannot watch again", hint: "bring it back to where it was",
      name: context.image.address(of: name), nameByteCount: Int(name.byte_count)
    ) { () throws(Errno) in
      try Events.setNextWatch(context.opened[index], watch.identifier)
      let path = try context.path(name)
      let identifier = try Events.watch(path, by: context.opened[index], mask: watch.mask)
      guard identifier == watch.identifier else { throw .exists }
    }
  }
}
