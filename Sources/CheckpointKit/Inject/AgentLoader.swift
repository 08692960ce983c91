internal import Kernel
internal import KernelABI

/// Puts the agent into the memory of a process, piece by piece.
///
/// Its code comes last: where that is mapped, all the rest is as it should be.
struct AgentLoader {
  let source: AgentSource

  /// A thread of the process; /proc knows it like one.
  let tid: Int32

  private enum Protection {
    static let none: UInt64 = 0
    static let read: UInt64 = 1
    static let readWrite: UInt64 = 3
    static let readExecute: UInt64 = 5
  }

  private enum Map {
    static let privately: UInt64 = 0x02
    static let fixed: UInt64 = 0x10
    static let anonymous: UInt64 = 0x20
    static let withoutReserve: UInt64 = 0x4000
  }

  private static let noDescriptor = UInt64.max

  /// - Parameter workspace: memory of the process, with room for a path.
  /// - Returns: the address of the agent's entry.
  func load(
    _ thread: borrowing RemoteCall, workspace: UInt64
  ) throws(InjectFailure) -> UInt64 {
    if source.isVisible(to: tid) {
      do throws(InjectFailure) {
        return try load(thread, from: try open(thread, workspace))
      } catch {
        // No right to read it, a mount without execution: its bytes will do.
        guard case .step = error else { throw error }
      }
    }
    return try load(thread, from: try makeCopy(thread, workspace))
  }

  // MARK: The file

  private func open(
    _ thread: borrowing RemoteCall, _ workspace: UInt64
  ) throws(InjectFailure) -> UInt64 {
    try write(Array(source.path.utf8) + [0], at: workspace, thread)
    let flags = UInt64((OpenFlags.readOnly | .closeOnExec).rawValue)
    return try thread.call(SyscallNumber.open, [workspace, flags, 0], for: .openAgent)
  }

  /// MFD_CLOEXEC, MFD_EXEC; the latter is new in Linux 6.3.
  private static let closeOnExec: UInt64 = 1
  private static let executable: UInt64 = 0x10

  private func makeCopy(
    _ thread: borrowing RemoteCall, _ workspace: UInt64
  ) throws(InjectFailure) -> UInt64 {
    try write(Array(AgentSource.memoryName.utf8) + [0], at: workspace, thread)
    let number = try memoryFile(thread, name: workspace)
    do throws(Errno) { try source.fill(number, of: tid) } catch {
      close(number, thread)
      throw .step(.fillAgent, error)
    }
    return number
  }

  private func memoryFile(
    _ thread: borrowing RemoteCall, name: UInt64
  ) throws(InjectFailure) -> UInt64 {
    do throws(InjectFailure) {
      return try thread.call(
        SyscallNumber.memfdCreate, [name, Self.closeOnExec | Self.executable], for: .openAgent)
    } catch {
      guard error == .step(.openAgent, .invalid) else { throw error }
    }
    return try thread.call(
      SyscallNumber.memfdCreate, [name, Self.closeOnExec], for: .openAgent)
  }

  private func close(_ number: UInt64, _ thread: borrowing RemoteCall) {
    _ = try? thread.call(SyscallNumber.close, [number], for: .openAgent)
  }

  // MARK: The segments

  private func load(
    _ thread: borrowing RemoteCall, from number: UInt64
  ) throws(InjectFailure) -> UInt64 {
    let base: UInt64
    do throws(InjectFailure) { base = try reserve(thread) } catch {
      close(number, thread)
      throw error
    }
    do throws(InjectFailure) {
      try fill(thread, base, from: number)
    } catch {
      close(number, thread)
      _ = try? thread.call(SyscallNumber.munmap, [base, source.file.span], for: .reserve)
      throw error
    }
    close(number, thread)
    return base + source.file.entry
  }

  private func reserve(_ thread: borrowing RemoteCall) throws(InjectFailure) -> UInt64 {
    try thread.call(
      SyscallNumber.mmap,
      [
        0, source.file.span, Protection.none,
        Map.privately | Map.anonymous | Map.withoutReserve, Self.noDescriptor, 0,
      ], for: .reserve)
  }

  private func fill(
    _ thread: borrowing RemoteCall, _ base: UInt64, from number: UInt64
  ) throws(InjectFailure) {
    for segment in source.file.segments where !segment.isExecutable {
      try map(segment, thread, base, from: number)
    }
    for piece in source.file.writes(base: base) {
      try write(piece.bytes, at: base + piece.address, thread)
    }
    let relro = source.file.relro
    if !relro.isEmpty {
      _ = try thread.call(
        SyscallNumber.mprotect,
        [base + relro.lowerBound, UInt64(relro.count), Protection.read], for: .protect)
    }
    for segment in source.file.segments where segment.isExecutable {
      try map(segment, thread, base, from: number)
    }
  }

  private func map(
    _ segment: AgentFile.Segment, _ thread: borrowing RemoteCall, _ base: UInt64,
    from number: UInt64
  ) throws(InjectFailure) {
    let protection =
      segment.isExecutable
      ? Protection.readExecute : segment.isWritable ? Protection.readWrite : Protection.read
    let address = base + segment.address
    if segment.mappedByteCount > 0 {
      _ = try thread.call(
        SyscallNumber.mmap,
        [
          address, segment.mappedByteCount, protection, Map.privately | Map.fixed, number,
          segment.fileOffset,
        ], for: .mapSegment)
    }
    guard segment.byteCount > segment.mappedByteCount else { return }
    _ = try thread.call(
      SyscallNumber.mmap,
      [
        address + segment.mappedByteCount, segment.byteCount - segment.mappedByteCount, protection,
        Map.privately | Map.fixed | Map.anonymous, Self.noDescriptor, 0,
      ], for: .mapSegment)
  }

  private func write(
    _ bytes: [UInt8], at address: UInt64, _ thread: borrowing RemoteCall
  ) throws(InjectFailure) {
    do throws(Errno) { try thread.memory.write(bytes, at: address) } catch {
      throw .step(.writeMemory, error)
    }
  }
}
