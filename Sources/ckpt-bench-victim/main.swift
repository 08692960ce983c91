// The program that `ckpt-bench` saves and brings back: memory full of bytes that don't compress.
//
//     ckpt-bench-victim BYTES BOARD [THREADS [1]]
//
// BOARD is a file of one page on which both write to each other (`Board`). 1: it wants no huge pages, where
// everybody gets them. Embedded Swift, so that
// next to nothing is saved but the memory; with the C library, as ordinary programs have it.

internal import BenchBoard
internal import Kernel
internal import KernelABI

do throws(Errno) {
  // A bench that is stopped leaves nobody behind that spins in its memory.
  try Prctl.call(Prctl.setDeathSignal, Int(Signal.kill))
  let words = try Words()
  let board = try Board(
    descriptor: FileDescriptor(path: words.address(of: 2), .readWrite).relinquish())
  let memory = try Filling.run(
    byteCount: words.number(at: 1), refusesHugePages: words.number(at: 4) == 1)
  try startThreads(words.number(at: 3))
  var victim = Victim(board: board, memory: memory)
  victim.run()
} catch {
  exitGroup(status: 1)
}
