internal import CImage
internal import Kernel
internal import KernelABI

/// Epoll descriptors, and their sets once all numbers are in place.
enum EpollRestore {
  static func open(_ index: Int, _ context: FileRestoreContext) throws(RestartFailure) {
    let number = try context.doing("cannot make the epoll set", index) { () throws(Errno) in
      try Events.makeEpoll()
    }
    try context.keep(number, as: index)
  }

  static func fill(_ index: Int, _ context: FileRestoreContext) throws(RestartFailure) {
    let entries = try context.detail(index).array(after: 0, of: ckpt_epoll_entry.self)
    for position in 0..<entries.count {
      let entry = entries[position]
      guard Int(entry.file) < context.image.files.count, entry.number >= 0,
        entry.number < context.objects.firstNumber + (1 << 20)
      else { throw context.damaged(index) }
      // What is a file now can't be waited for.
      if context.streams.number(of: Int(entry.file), in: context.image) >= 0 {
        try? add(entry, to: context.opened[index], context)
        continue
      }
      try context.doing("cannot fill the epoll set", index) { () throws(Errno) in
        try add(entry, to: context.opened[index], context)
      }
    }
  }

  /// An entry stays under the number that it was added as, whatever that number is now: the number
  /// is lent to it for a moment.
  private static func add(
    _ entry: ckpt_epoll_entry, to epoll: Int32, _ context: FileRestoreContext
  ) throws(Errno) {
    let target = context.opened[Int(entry.file)]
    if isAt(entry.number, Int(entry.file), context.image) {
      return try Events.add(entry.number, to: epoll, events: entry.events, data: entry.data)
    }
    let flags = try? Descriptors.flags(entry.number)
    let aside =
      flags == nil
      ? -1 : try Descriptors.duplicate(entry.number, atLeast: context.objects.firstNumber)
    try Descriptors.duplicate(target, to: entry.number, closeOnExec: true)
    defer {
      if let flags, aside >= 0 {
        try? Descriptors.duplicate(aside, to: entry.number, closeOnExec: flags & 1 != 0)
        closeDescriptor(aside)
      } else {
        closeDescriptor(entry.number)
      }
    }
    try Events.add(entry.number, to: epoll, events: entry.events, data: entry.data)
  }

  private static func isAt(_ number: Int32, _ file: Int, _ image: LoadedImage) -> Bool {
    var low = 0
    var high = image.descriptors.count
    while low < high {
      let middle = (low + high) / 2
      if image.descriptors[middle].number < number { low = middle + 1 } else { high = middle }
    }
    guard low < image.descriptors.count else { return false }
    let descriptor = image.descriptors[low]
    return descriptor.number == number && Int(descriptor.file) == file
  }
}
