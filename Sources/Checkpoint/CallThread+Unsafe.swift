internal import Glibc

/// Threads for calls that wait: none of the few that Swift's tasks share.
enum CallThread {
  private final class Work {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }

  /// Runs `body` in a thread of its own; where none is to be had, here.
  static func run(_ body: @escaping @Sendable () -> Void) {
    let work = unsafe Unmanaged.passRetained(Work(body))
    var thread = pthread_t()
    let error = unsafe pthread_create(
      &thread, nil,
      { argument in
        if let argument = unsafe argument {
          unsafe Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().body()
        }
        return nil
      }, work.toOpaque())
    guard error == 0 else { return unsafe work.takeRetainedValue().body() }
    pthread_detach(thread)
  }
}
