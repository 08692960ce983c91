/// Numbers that `restart` itself still needs while the program's descriptors are put in place.
///
/// `DescriptorRestore.run` moves them above the program's highest number; -1: none.
struct OwnDescriptors: BitwiseCopyable {
  var image: Int32
  var status: Int32

  /// The program's executable, for PR_SET_MM_MAP.
  var executable: Int32 = -1

  /// Where to say what goes wrong once 2 is the program's; made by `DescriptorRestore.run`.
  var errors: Int32 = -1

  /// The program's terminal becomes the one here; else it goes on with the standard streams.
  var takesTerminal = true

  init(image: Int32, status: Int32) {
    self.image = image
    self.status = status
  }
}
