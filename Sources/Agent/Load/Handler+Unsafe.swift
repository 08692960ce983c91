internal import CKernel
internal import Kernel
internal import KernelABI

/// The agent's functions as numbers, in the form that the kernel and the image want them.
enum Handler {
  /// What rt_sigaction(2) gets for the signals that the agent takes: all others wait meanwhile.
  static var action: ckernel_sigaction {
    ckernel_sigaction(
      handler: address, flags: Signal.handlerFlags, restorer: restorer, mask: UInt64.max)
  }

  static var address: UInt64 {
    let function: @convention(c) (Int32, UInt64, UInt64) -> Void = agentHandleSignal
    return unsafe UInt64(UInt(bitPattern: unsafeBitCast(function, to: UnsafeRawPointer.self)))
  }

  static var restorer: UInt64 {
    let function: @convention(c) () -> Void = ckernel_signal_restorer
    return unsafe UInt64(UInt(bitPattern: unsafeBitCast(function, to: UnsafeRawPointer.self)))
  }

  /// What a helper that copies memory gets for its faults.
  static var copyFault: UInt64 {
    let function: @convention(c) (Int32, UInt64, UInt64) -> Void = agentCopyFault
    return unsafe UInt64(UInt(bitPattern: unsafeBitCast(function, to: UnsafeRawPointer.self)))
  }

  /// Where a restarted process begins.
  static var wakeEntry: UInt64 {
    let function: @convention(c) (UInt64) -> Void = agentWake
    return unsafe UInt64(UInt(bitPattern: unsafeBitCast(function, to: UnsafeRawPointer.self)))
  }

  /// What libraries ask that look whether they were forked.
  static var forkIdentifier: UInt64 {
    let function: @convention(c) () -> Int32 = agentForkIdentifier
    return unsafe UInt64(UInt(bitPattern: unsafeBitCast(function, to: UnsafeRawPointer.self)))
  }

  /// The function that a process which reads memory for the program ends in.
  static var unmapTwoAndExit: UInt64 {
    let function: @convention(c) (UInt64, UInt64, UInt64, UInt64) -> Void =
      ckernel_unmap_two_and_exit
    return unsafe UInt64(UInt(bitPattern: unsafeBitCast(function, to: UnsafeRawPointer.self)))
  }

  /// Calls a handler that another part of the program installed.
  static func call(_ handler: UInt64, _ signal: Int32, _ information: UInt64, _ context: UInt64) {
    guard let pointer = unsafe UnsafeRawPointer(bitPattern: UInt(handler)) else { return }
    let function = unsafe unsafeBitCast(
      pointer, to: (@convention(c) (Int32, UInt64, UInt64) -> Void).self)
    function(signal, information, context)
  }

  /// Calls a function that the program registered.
  static func callHook(_ hook: UInt64, argument: UInt64) {
    guard let pointer = unsafe UnsafeRawPointer(bitPattern: UInt(hook)) else { return }
    let function = unsafe unsafeBitCast(pointer, to: (@convention(c) (UInt64) -> Void).self)
    function(argument)
  }

  /// Runs the checkpoint on the agent's own stack.
  static func callOnStack(_ top: Address, argument: Address) {
    ckernel_call_on_stack(top.rawValue, agentLead, argument.rawValue)
  }

  /// Makes a thread that begins in `agentWakeThread` with `argument`.
  ///
  /// - Returns: what clone3(2) gave: a TID, or an error below 0.
  static func cloneThread(_ arguments: inout ckernel_clone_args, argument: UInt64) -> Int {
    unsafe ckernel_clone_thread(
      &arguments, UInt64(MemoryLayout<ckernel_clone_args>.size), agentWakeThread, argument)
  }
}
