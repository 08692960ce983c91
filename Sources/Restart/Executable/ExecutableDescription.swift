internal import CImage
internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// What a snapshot executable says of itself (`--ckpt-help`).
struct ExecutableDescription {
  let image: LoadedImage
  let name: ByteString

  func write() {
    writeTitle()
    write("program      ", text(image.process.command_line))
    if image.image.label.byte_count > 0 {
      write("label        ", text(image.image.label))
    }
    writeMoment()
    write("on           ", text(image.machine.host_name))
    writeSize()
    writeOut("  look inside  ckpt inspect FILE, ckpt verify FILE, gdb (docs/EXECUTABLES.md)\n")
    writeOut("Its arguments and environment are the program's: ckpt_restart_argv() of ckpt.h.\n")
  }

  private func text(_ string: ckpt_string) -> ByteString {
    ByteString(address: image.address(of: string), byteCount: Int(string.byte_count))
  }

  private func writeTitle() {
    var line = Line()
    append(name, to: &line)
    line.append(": a snapshot executable of ckpt: goes on from where a program was saved\n")
    line.write(to: 1)
  }

  private func write(_ what: StaticString, _ value: ByteString) {
    var line = Line("  ")
    line.append(what)
    append(value, to: &line)
    line.append("\n")
    line.write(to: 1)
  }

  /// The words of a command line have NULs between them.
  private func append(_ text: ByteString, to line: inout Line) {
    for index in 0..<min(text.byteCount, 400) {
      let byte = text.byte(at: index)
      if byte == 0, index == text.byteCount - 1 { break }
      line.append(byte == 0 ? 0x20 : byte < 0x20 || byte == 0x7F ? 0x3F : byte)
    }
    if text.byteCount > 400 { line.append("...") }
  }

  private func writeMoment() {
    var line = Line("  saved        ")
    CivilTime(secondsSince1970: image.image.realtime / 1_000_000_000).append(to: &line)
    line.append("\n")
    line.write(to: 1)
  }

  private func writeSize() {
    var line = Line("  size         ")
    line.append(decimal: image.index.fileByteCount >> 10)
    line.append(" KiB of image")
    if let executable = image.executable, executable.isPacked {
      line.append(", compressed to ")
      line.append(decimal: executable.imageByteCount >> 10)
      line.append(" KiB")
    }
    line.append(", from byte ")
    line.append(decimal: image.executable?.imageOffset ?? 0)
    line.append(" on\n")
    line.write(to: 1)
  }

  private func writeOut(_ text: StaticString) {
    var line = Line(text)
    line.write(to: 1)
  }
}
