// The program that `ckpt-bench` saves and brings back: memory full of bytes that don't compress.
//
//     ckpt-bench-victim BYTES NOTES
//
// It notes its process ID in the file NOTES once the memory is full, and from then on, whenever it
// stood still for more than 2 ms, when that began and ended: nanoseconds of CLOCK_REALTIME, which
// goes on through a restart. Embedded Swift, so that next to nothing is saved but the memory.

internal import Kernel
internal import KernelABI

do throws(Errno) {
  let words = try Words()
  let notes = Notes(path: words.address(of: 2))
  try fill(byteCount: words.number(at: 1))
  try notes.append(UInt64(Process.ownID), Clock.realtime)
  try watch(notes)
} catch {
  exitGroup(status: 1)
}
