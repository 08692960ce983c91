internal import CImage
internal import CKernel
internal import Kernel
internal import KernelABI

/// The notes that gdb, readelf and libunwind know from the kernel's own core files.
///
/// In the kernel's order: the first thread's status, then what belongs to the process, then the
/// other threads. Source: `fs/binfmt_elf.c`, fill_note_info; `include/uapi/linux/elf.h`.
/// Stopped-world safe.
enum CoreNotes {
  private static let prstatus: UInt32 = 1
  private static let fpregset: UInt32 = 2
  private static let prpsinfo: UInt32 = 3
  private static let auxv: UInt32 = 6
  private static let xstate: UInt32 = 0x202
  private static let siginfo: UInt32 = 0x5349_4749
  private static let file: UInt32 = 0x4649_4C45

  /// Bytes of an FXSAVE area.
  private static let fxsaveByteCount: UInt64 = 512

  static func put(_ draft: ImageDraft, into head: inout HeadWriter) {
    // The main thread first: debuggers select the first one.
    let first = mainThread(draft)
    putStatus(draft.threads[first], draft, &head)
    putProcess(draft, &head)
    putFiles(draft, &head)
    putExtendedState(draft.threads[first], &head)
    for index in 0..<draft.threads.count where index != first {
      putStatus(draft.threads[index], draft, &head)
      putExtendedState(draft.threads[index], &head)
    }
  }

  private static func mainThread(_ draft: ImageDraft) -> Int {
    for index in 0..<draft.threads.count
    where draft.threads[index].flags & CKPT_THREAD_MAIN != 0 {
      return index
    }
    return 0
  }

  // MARK: Process

  private static func putProcess(_ draft: ImageDraft, _ head: inout HeadWriter) {
    let process = draft.process
    var info = ckernel_prpsinfo()
    info.sname = 0x52  // R
    info.uid = process.uid
    info.gid = process.gid
    info.pid = process.pid
    info.ppid = process.parent
    info.pgrp = process.group
    info.sid = process.session
    head.beginNote("CORE", type: prpsinfo, byteCount: 136)
    let start = head.next
    head.put(info)
    if !head.isCounting {
      copy(process.name, draft, to: start + 40, capacity: 16)
      copy(process.command_line, draft, to: start + 56, capacity: 80)
    }
    head.align(4)
    head.beginNote("CORE", type: siginfo, byteCount: 128)
    head.put(UInt32(draft.agent.trigger_signal))
    head.skip(124)
    head.beginNote("CORE", type: auxv, byteCount: UInt64(process.auxv.byte_count))
    head.put(
      from: draft.details.base + UInt64(process.auxv.offset),
      byteCount: UInt64(process.auxv.byte_count))
    head.align(4)
  }

  private static func copy(
    _ string: ckpt_string, _ draft: ImageDraft, to address: Address, capacity: UInt64
  ) {
    let count = min(UInt64(string.byte_count), capacity - 1)
    guard count > 0 else { return }
    Memory.copy(
      from: draft.strings.base + UInt64(string.offset), to: address, byteCount: count)
  }

  /// NT_FILE: which regions show which file.
  private static func putFiles(_ draft: ImageDraft, _ head: inout HeadWriter) {
    var count: UInt64 = 0
    var nameBytes: UInt64 = 0
    for index in 0..<draft.regions.count where showsFile(draft.regions[index]) {
      count += 1
      nameBytes += UInt64(draft.regions[index].path.byte_count) + 1
    }
    head.beginNote("CORE", type: file, byteCount: 16 + count * 24 + nameBytes)
    head.put(count)
    head.put(pageByteCount)
    for index in 0..<draft.regions.count where showsFile(draft.regions[index]) {
      let region = draft.regions[index]
      head.put(region.start)
      head.put(region.end)
      head.put(region.file_offset / pageByteCount)
    }
    for index in 0..<draft.regions.count where showsFile(draft.regions[index]) {
      let path = draft.regions[index].path
      head.put(
        from: draft.strings.base + UInt64(path.offset), byteCount: UInt64(path.byte_count))
      head.skip(1)
    }
    head.align(4)
  }

  private static func showsFile(_ region: ckpt_region) -> Bool {
    region.kind == CKPT_REGION_PRIVATE_FILE || region.kind == CKPT_REGION_SHARED_FILE
  }

  // MARK: Threads

  private static func putStatus(
    _ thread: ckpt_thread, _ draft: ImageDraft, _ head: inout HeadWriter
  ) {
    var status = ckernel_prstatus()
    status.pid = thread.tid
    status.ppid = draft.process.parent
    status.pgrp = draft.process.group
    status.sid = draft.process.session
    status.sighold = thread.signal_mask
    if !head.isCounting, thread.frame != 0 {
      let frame = Memory.load(ckernel_ucontext.self, at: Address(thread.frame))
      status.regs = registers(frame.context, thread)
      status.fpvalid = 1
    }
    head.beginNote("CORE", type: prstatus, byteCount: 336)
    head.put(status)
    head.align(4)
  }

  private static func registers(
    _ context: ckernel_sigcontext, _ thread: ckpt_thread
  ) -> ckernel_user_regs {
    ckernel_user_regs(
      r15: context.r15, r14: context.r14, r13: context.r13, r12: context.r12, rbp: context.rbp,
      rbx: context.rbx, r11: context.r11, r10: context.r10, r9: context.r9, r8: context.r8,
      rax: context.rax, rcx: context.rcx, rdx: context.rdx, rsi: context.rsi, rdi: context.rdi,
      orig_rax: UInt64.max, rip: context.rip, cs: UInt64(context.cs), eflags: context.eflags,
      rsp: context.rsp, ss: UInt64(context.ss), fs_base: thread.fs_base,
      gs_base: thread.gs_base, ds: 0, es: 0, fs: UInt64(context.fs), gs: UInt64(context.gs))
  }

  private static func putExtendedState(_ thread: ckpt_thread, _ head: inout HeadWriter) {
    guard thread.frame != 0 else { return }
    let state = Address(
      Memory.load(ckernel_ucontext.self, at: Address(thread.frame)).context.fpstate)
    guard state != .zero else { return }
    head.beginNote("CORE", type: fpregset, byteCount: fxsaveByteCount)
    head.put(from: state, byteCount: fxsaveByteCount)
    let byteCount = UInt64(SignalFrame.extendedStateByteCount(at: Address(thread.frame)))
    guard byteCount > fxsaveByteCount else { return }
    head.beginNote("LINUX", type: xstate, byteCount: byteCount)
    let start = head.next
    head.put(from: state, byteCount: byteCount)
    head.align(4)
    // Where the frame has its magic numbers, debuggers expect XCR0 (`arch/x86/kernel/fpu/regset.c`).
    if !head.isCounting { Memory.store(ckernel_xgetbv(), at: start + 464) }
  }
}
