internal import Agent

// The functions of ckpt.h; addresses are numbers here, which is the same to a caller in C.

@c(ckpt_checkpoint) public func checkpoint(_ path: UInt64, _ options: UInt64) -> Int32 {
  API.checkpoint(path: path, options: options)
}
@c(ckpt_wait) public func wait(_ nanoseconds: UInt64) -> Int32 {
  API.wait(nanoseconds: nanoseconds)
}
@c(ckpt_strerror) public func sentence(_ error: Int32) -> UInt64 { API.sentence(of: error) }
@c(ckpt_available) public func isAvailable() -> Int32 { 1 }
@c(ckpt_restarts) public func restarts() -> UInt32 { API.restarts }
@c(ckpt_restart_argv) public func restartArguments(_ count: UInt64) -> UInt64 {
  API.restartArguments(count: count)
}
@c(ckpt_restart_envp) public func restartEnvironment() -> UInt64 { API.restartEnvironment }
@c(ckpt_defer) public func deferCheckpoints() -> Int32 { API.defer() }
@c(ckpt_allow) public func allowCheckpoints() -> Int32 { API.allow() }
@c(ckpt_on) public func on(_ event: Int32, _ hook: UInt64, _ argument: UInt64) -> Int32 {
  API.on(event: event, hook: hook, argument: argument)
}
@c(ckpt_off) public func off(_ number: Int32) -> Int32 { API.off(number) }
@c(ckpt_exclude) public func exclude(_ address: UInt64, _ byteCount: UInt64) -> Int32 {
  API.change(excludes: true, address: address, byteCount: byteCount)
}
@c(ckpt_include) public func include(_ address: UInt64, _ byteCount: UInt64) -> Int32 {
  API.change(excludes: false, address: address, byteCount: byteCount)
}
