internal import CImage
internal import Kernel
internal import KernelABI

/// Objects of the image: what several descriptors or regions may show, saved once.
extension ImageDraft {
  /// An object that was listed already.
  func object(device: UInt64, inode: UInt64) -> Int? {
    for index in 0..<objects.count {
      let object = objects[index]
      if object.inode == inode, object.device == device { return index }
    }
    return nil
  }
}
