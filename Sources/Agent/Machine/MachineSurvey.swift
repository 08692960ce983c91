internal import CImage
internal import CheckpointImage
internal import Kernel
internal import KernelABI

/// What the image needs of a machine, found out on this one.
enum MachineSurvey {
  /// - Parameters:
  ///   - frame: a signal frame's ucontext, for the size of the extended state in it.
  ///   - vdso: where it lies; empty: there is none.
  ///   - vvar: all of its regions together.
  ///   - draft: gets the strings.
  /// - Returns: the machine's record.
  /// - Throws: `outOfMemory` when the strings don't fit.
  static func capture(
    frame: Address, vdso: AddressRange, vvar: AddressRange, into draft: inout ImageDraft
  ) throws(Errno) -> ckpt_machine {
    var machine = ckpt_machine()
    noteProcessor(into: &machine)
    machine.frame_xstate_bytes = SignalFrame.extendedStateByteCount(at: frame)
    machine.vdso_start = vdso.start.rawValue
    machine.vdso_bytes = vdso.byteCount
    machine.vvar_start = vvar.start.rawValue
    machine.vvar_bytes = vvar.byteCount
    if !vdso.isEmpty {
      machine.vdso_digest = XXH3.digest(
        Memory.bytes(at: vdso.start, count: Int(vdso.byteCount)))
    }
    try noteNames(into: &machine, &draft)
    return machine
  }

  /// Source: Intel SDM volume 2, CPUID; AMD APM volume 3, appendix E.
  private static func noteProcessor(into machine: inout ckpt_machine) {
    machine.xcr0 = Processor.enabledComponents
    machine.xsave_bytes = Processor.leaf(0xD).b
    let vendor = Processor.leaf(0)
    machine.vendor_b = vendor.b
    machine.vendor_d = vendor.d
    machine.vendor_c = vendor.c
    let features = Processor.leaf(1)
    machine.signature = features.a
    machine.features_1c = features.c
    machine.features_1d = features.d
    let structured = Processor.leaf(7)
    machine.features_7b = structured.b
    machine.features_7c = structured.c
    machine.features_7d = structured.d
    machine.features_71a = structured.a >= 1 ? Processor.leaf(7, 1).a : 0
    let extended = Processor.leaf(0x8000_0001)
    machine.features_81c = extended.c
    machine.features_81d = extended.d
  }

  private static func noteNames(
    into machine: inout ckpt_machine, _ draft: inout ImageDraft
  ) throws(Errno) {
    var name = try SystemName()
    machine.kernel_release = try name.with(.release) { (address, count) throws(Errno) in
      try draft.string(at: address, byteCount: count)
    }
    machine.host_name = try name.with(.host) { (address, count) throws(Errno) in
      try draft.string(at: address, byteCount: count)
    }
    var brand = InlineArray<12, UInt32>(repeating: 0)
    for index in 0..<3 {
      let leaf = Processor.leaf(0x8000_0002 + UInt32(index))
      brand[index * 4] = leaf.a
      brand[index * 4 + 1] = leaf.b
      brand[index * 4 + 2] = leaf.c
      brand[index * 4 + 3] = leaf.d
    }
    machine.cpu_name = try withAddress(of: &brand) { (address) throws(Errno) in
      var count = 0
      while count < 48, Memory.load(UInt8.self, at: address + UInt64(count)) != 0 { count += 1 }
      return try draft.string(at: address, byteCount: count)
    }
  }

  /// Appends the components of the extended state that programs here may use.
  ///
  /// x87 and SSE, components 0 and 1, have fixed places and are left out.
  ///
  /// - Throws: `outOfMemory` when `components` is full; 62 always suffice.
  static func captureComponents(
    into components: inout Table<ckpt_xstate_component>
  ) throws(Errno) {
    let enabled = Processor.enabledComponents
    for component in 2..<63 as Range<UInt32> where enabled >> UInt64(component) & 1 == 1 {
      let leaf = Processor.leaf(0xD, component)
      try components.append(
        ckpt_xstate_component(
          component: component, offset: leaf.b, byte_count: leaf.a, flags: leaf.c))
    }
  }
}

/// The kernel's signal frame, as far as the agent looks into it.
enum SignalFrame {
  /// Bytes of extended state in the frame whose ucontext is at `frame`; 512 without XSAVE.
  ///
  /// Source: `arch/x86/include/uapi/asm/sigcontext.h`, struct _fpx_sw_bytes at offset 464 of the
  /// state: magic1, extended_size, xfeatures, xstate_size.
  static func extendedStateByteCount(at frame: Address) -> UInt32 {
    let state = Memory.load(UInt64.self, at: frame + 224)
    guard state != 0 else { return 0 }
    guard Memory.load(UInt32.self, at: Address(state) + 464) == 0x4650_5853 else { return 512 }
    return Memory.load(UInt32.self, at: Address(state) + 480)
  }
}
