internal import CImage
internal import Kernel
internal import KernelABI

/// Makes the objects of an image: contents that mappings and descriptors share.
///
/// Whoever comes first makes an object, and later ones get the same descriptor. The descriptors are
/// close-on-exec, open for reading and writing, and numbered from `firstNumber` on, out of the way
/// of the program's own; `closeAll` closes them once nothing wants them any more.
struct ObjectRestore: BitwiseCopyable {
  /// Whoever moves the head says so here too.
  var image: LoadedImage

  /// By object, -1: not made yet.
  let descriptors: Table<Int32>

  /// The lowest number a descriptor may have.
  let firstNumber: Int32

  /// Pieces of contents pass through here.
  let buffer: Address

  /// Room for digests.
  private let cache: Address
  static let pieceByteCount = DataPieces.byteCountLimit

  /// - Parameter firstNumber: above every number that the program has.
  init(
    _ image: LoadedImage, firstNumber: Int32, in arena: inout Arena
  ) throws(RestartFailure) {
    self.image = image
    self.firstNumber = firstNumber
    do throws(Errno) {
      var table = try Table<Int32>(in: &arena, capacity: image.objects.count)
      for _ in 0..<image.objects.count { try table.append(-1) }
      descriptors = table
      buffer = try arena.reserve(Self.pieceByteCount, alignment: pageByteCount)
      cache = try arena.reserve(DigestCache.byteCount)
    } catch {
      throw RestartFailure(.failed, "cannot prepare the restart of shared memory", errno: error)
    }
  }

  /// The descriptor of an object, which is made and filled when it is asked for first.
  ///
  /// Seals are not on it yet: `seal` puts them there, when all mappings are made.
  func descriptor(for index: Int) throws(RestartFailure) -> Int32 {
    if descriptors[index] >= 0 { return descriptors[index] }
    let object = image.objects[index]
    let number = try during(
      "cannot make shared memory",
      hint: object.flags & 4 != 0
        ? "it needs huge pages as free memory: see vm.nr_hugepages" : "", number: UInt64(index),
      numberStyle: .decimal,
      name: image.address(of: object.name), nameByteCount: Int(object.name.byte_count)
    ) { () throws(Errno) in
      let number = try moved(try make(object))
      try Files.setSize(number, object.byte_count)
      return number
    }
    descriptors[index] = number
    let pages = HugePageFile(object, number)
    for extent in 0..<object.extent_count {
      try fill(number, fromExtent: Int(object.first_extent + extent), pages)
    }
    if object.kind != CKPT_OBJECT_SHARED_ANONYMOUS, object.mode & 0o7777 != 0 {
      try during("cannot set the mode of shared memory") { () throws(Errno) in
        try Files.setMode(number, object.mode)
      }
    }
    return number
  }

  /// Puts on the seals that the objects had, and their modes.
  ///
  /// To be called when every mapping is there: some seals forbid new ones.
  func seal() throws(RestartFailure) {
    for index in 0..<image.objects.count {
      let object = image.objects[index]
      let number = descriptors[index]
      guard number >= 0, object.kind == CKPT_OBJECT_MEMFD, object.seals != 0 else { continue }
      try during(
        "cannot seal shared memory", number: UInt64(index), numberStyle: .decimal,
        name: image.address(of: object.name), nameByteCount: Int(object.name.byte_count)
      ) { () throws(Errno) in
        if try Descriptors.seals(number) != object.seals {
          try Descriptors.addSeals(number, object.seals)
        }
      }
    }
  }

  /// Closes what was made; the descriptors of the program keep the objects.
  func closeAll() {
    for index in 0..<descriptors.count where descriptors[index] >= 0 {
      closeDescriptor(descriptors[index])
      descriptors[index] = -1
    }
  }

  private func make(_ object: ckpt_object) throws(Errno) -> Int32 {
    switch object.kind {
    case CKPT_OBJECT_MEMFD: try MemoryFile.make(object, named: image.address(of: object.name))
    case CKPT_OBJECT_SHARED_ANONYMOUS:
      try Files.memoryFile(name: ("ckpt-shared" as StaticString).address, flags: object.flags)
    case CKPT_OBJECT_UNLINKED_FILE:
      try UnlinkedFile.make(object, at: image.address(of: object.name))
    case CKPT_OBJECT_SHARED_FILE:
      try SharedMemoryFile.make(object, at: image.address(of: object.name))
    default: throw .invalid
    }
  }

  private func moved(_ number: Int32) throws(Errno) -> Int32 {
    defer { closeDescriptor(number) }
    return try Descriptors.duplicate(number, atLeast: firstNumber)
  }

  /// Writes an extent's bytes, checked, to their place in a file.
  private func fill(
    _ number: Int32, fromExtent index: Int, _ pages: HugePageFile?
  ) throws(RestartFailure) {
    let reader = DataReader(image.sources, cache: cache)
    var offset = image.extents[index].offset
    var pieces = DataPieces(ofExtent: index, in: image, at: buffer)
    while var piece = pieces.next() {
      piece.address = buffer
      try reader.read(piece)
      let (byteCount, place) = (piece.byteCount, offset)
      try during(
        "cannot fill shared memory",
        hint: pages == nil ? "" : "it needs huge pages as free memory: see vm.nr_hugepages"
      ) { () throws(Errno) in
        if let pages { return try pages.write(from: buffer, byteCount: byteCount, at: place) }
        try Files.write(number, from: buffer, byteCount: byteCount, at: place)
      }
      offset += byteCount
    }
  }
}
