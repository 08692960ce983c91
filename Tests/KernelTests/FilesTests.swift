import Kernel
import KernelABI
import Testing

@Suite struct FilesTests {
  private static let absent: StaticString = "/nonexistent/ckpt"
  private static let root: StaticString = "/"

  @Test func anAbsentFileIsNamedByItsErrno() {
    let path = Self.absent.address
    #expect(throws: Errno.noSuchFile) { try Files.checkAccess(path: path, .exists) }
    #expect(throws: Errno.noSuchFile) { try Files.unlink(path: path) }
    #expect(throws: Errno.noSuchFile) { try Files.rename(path, to: path) }
    #expect(throws: Errno.noSuchFile) { try FileStatus(path: path) }
  }

  @Test func theRootIsADirectory() throws {
    try Files.checkAccess(path: Self.root.address, .execute)
    #expect(try FileStatus(path: Self.root.address).kind == .directory)
  }

  @Test func valuesGoThroughAPipeWhole() throws {
    let ends = try Pipes.make()
    let reader = FileDescriptor(adopting: ends.reader)
    let writer = FileDescriptor(adopting: ends.writer)
    #expect(try Files.write(writer.number, UInt64(0x0123_4567_89AB_CDEF)) == 8)
    var value: UInt64 = 0
    #expect(try Files.read(reader.number, into: &value) == 8)
    #expect(value == 0x0123_4567_89AB_CDEF)
    try writer.close()
    #expect(try Files.read(reader.number, into: &value) == 0)
  }

  @Test func everyModeHasItsKind() {
    let kinds: [(UInt32, FileKind)] = [
      (0o100644, .regular), (0o040755, .directory), (0o020666, .character), (0o060660, .block),
      (0o010600, .fifo), (0o140777, .socket), (0o120777, .link), (0, .other), (0o170000, .other),
    ]
    for (mode, kind) in kinds { #expect(FileKind(mode: mode) == kind) }
  }
}
