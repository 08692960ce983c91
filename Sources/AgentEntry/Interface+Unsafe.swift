internal import Agent

/// Where a function of ckpt.h is, for the static stub, whose functions have the same names.
@c(ckpt_agent_function) public func agentFunction(_ number: UInt32) -> UInt64 {
  switch number {
  case 1: bits(checkpoint as @convention(c) (UInt64, UInt64) -> Int32)
  case 2: bits(wait as @convention(c) (UInt64) -> Int32)
  case 3: bits(sentence as @convention(c) (Int32) -> UInt64)
  case 4: bits(restarts as @convention(c) () -> UInt32)
  case 5: bits(restartArguments as @convention(c) (UInt64) -> UInt64)
  case 6: bits(restartEnvironment as @convention(c) () -> UInt64)
  case 7: bits(deferCheckpoints as @convention(c) () -> Int32)
  case 8: bits(allowCheckpoints as @convention(c) () -> Int32)
  case 9: bits(on as @convention(c) (Int32, UInt64, UInt64) -> Int32)
  case 10: bits(off as @convention(c) (Int32) -> Int32)
  case 11: bits(exclude as @convention(c) (UInt64, UInt64) -> Int32)
  case 12: bits(include as @convention(c) (UInt64, UInt64) -> Int32)
  default: 0
  }
}

@inline(__always)
private func bits<T>(_ function: T) -> UInt64 { unsafe unsafeBitCast(function, to: UInt64.self) }
