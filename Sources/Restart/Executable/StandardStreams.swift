internal import CImage
internal import Kernel
internal import KernelABI

/// A snapshot executable reads and writes where it was started, like any program: descriptors 0, 1
/// and 2, and all that shared an open file description with them, are those it was given.
///
/// But for what was the program's own on both ends, like a pipe to itself.
struct StandardStreams: BitwiseCopyable {
  /// Copies of the streams that this process was given.
  private var streams = InlineArray<3, Int32>(repeating: -1)

  /// Whether the streams take the place of those in the image.
  private let isOn: Bool

  /// - Parameters:
  ///   - first: the lowest number that copies may have.
  ///   - isOn: this is a snapshot executable.
  init(above first: Int32, isOn: Bool) throws(Errno) {
    self.isOn = isOn
    guard isOn else { return }
    for number in 0..<3 {
      do throws(Errno) {
        streams[number] = try Descriptors.duplicate(Int32(number), atLeast: first)
      } catch {
        // It was started without.
        let null = try FileDescriptor("/dev/null", number == 0 ? .readOnly : .writeOnly)
        streams[number] = try Descriptors.duplicate(null.number, atLeast: first)
      }
    }
  }

  /// The stream that takes the place of what a number of the program was, -1: none does.
  func stream(at number: Int32) -> Int32 { (0...2).contains(number) ? streams[Int(number)] : -1 }

  func close() {
    for number in 0..<3 where streams[number] >= 0 { closeDescriptor(streams[number]) }
  }

  /// The lowest of 0, 1 and 2 at which the program had a file that is replaced; -1: none.
  func number(of file: Int, in image: LoadedImage) -> Int32 {
    isOn ? Self.number(of: file, in: image) : -1
  }

  /// The same for an image that is known to be that of a snapshot executable.
  static func number(of file: Int, in image: LoadedImage) -> Int32 {
    for index in 0..<min(3, image.descriptors.count) {
      let descriptor = image.descriptors[index]
      guard descriptor.number <= 2, Int(descriptor.file) == file else { continue }
      return leadsOutside(image.files[file], image) ? descriptor.number : -1
    }
    return -1
  }

  private static func leadsOutside(_ file: ckpt_file, _ image: LoadedImage) -> Bool {
    switch file.kind {
    case CKPT_FILE_REGULAR, CKPT_FILE_DIRECTORY, CKPT_FILE_UNLINKED, CKPT_FILE_DEVICE,
      CKPT_FILE_TERMINAL, CKPT_FILE_FIFO, CKPT_FILE_MEMFD:
      return true
    case CKPT_FILE_PIPE:
      guard let record: ckpt_file_pipe = FileDetail(file, image)?.record() else { return false }
      return record.flags & CKPT_PIPE_PEER_OUTSIDE != 0
    case CKPT_FILE_UNIX_SOCKET, CKPT_FILE_INET_SOCKET:
      guard let record: ckpt_file_socket = FileDetail(file, image)?.record() else { return false }
      return record.state == CKPT_SOCKET_LOST || record.state == CKPT_SOCKET_STANDARD
    default: return false
    }
  }
}
