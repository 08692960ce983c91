internal import CImage
internal import Kernel
public import KernelABI

/// `restart`, from its first instruction in Swift to the program's end.
public enum Front {
  /// - Parameters:
  ///   - stack: what the kernel laid down for a new process.
  ///   - own: where this program lies, its stack included.
  ///   - note: where it says what it is: a `ckpt_executable`, zero unless it is one.
  public static func run(stack: Address, own: AddressRange, note: Address) -> Never {
    do throws(RestartFailure) {
      let arguments = Arguments(stack: stack)
      let options =
        OwnExecutable.isOne(note)
        ? Options(ofExecutable: arguments) : try Options(parsing: arguments)
      switch options.request {
      case .help: say(helpText)
      case .version: say(versionText)
      case .describe:
        ExecutableDescription(
          image: try OwnExecutable.open(name: options.image), name: options.image
        ).write()
      case .restart: try restart(options, own: own)
      }
    } catch {
      error.report()
      exitGroup(status: error.status.rawValue)
    }
    exitGroup(status: 0)
  }

  /// Writes to standard output, which this program never closes.
  private static func say(_ text: StaticString) {
    let output = FileDescriptor(adopting: 1)
    try? output.write(text)
    _ = output.relinquish()
  }

  private static func restart(_ options: Options, own: AddressRange) throws(RestartFailure) -> Never
  {
    let image =
      options.isExecutable
      ? try OwnExecutable.open(name: options.image) : try openImage(options.image)
    try checkMachine(for: image, own: own)
    var launch = try Launch(image, options, own: own)
    launch.run()
  }
}
