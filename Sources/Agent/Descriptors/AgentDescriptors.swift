/// Numbers that are the agent's, not the program's; -1: none.
struct AgentDescriptors: BitwiseCopyable {
  var image: Int32 = -1
  var control: Int32 = -1

  /// The program `restart`, for a snapshot executable.
  var program: Int32 = -1
  var folder: Int32 = -1

  /// The userfaultfd that stays open from one checkpoint to the next.
  var tracker: Int32 = -1

  /// The survey's own, while it runs.
  var listing: Int32 = -1

  func contains(_ number: Int32) -> Bool {
    number == image || number == control || number == folder || number == tracker
      || number == listing || number == program
  }
}
