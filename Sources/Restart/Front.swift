internal import CImage
internal import Kernel
public import KernelABI

/// `restart`, from its first instruction in Swift to the program's end.
public enum Front {
  /// - Parameters:
  ///   - stack: what the kernel laid down for a new process.
  ///   - own: where this program lies, its stack included.
  public static func run(stack: Address, own: AddressRange) -> Never {
    do throws(RestartFailure) {
      let options = try Options(parsing: Arguments(stack: stack))
      switch options.request {
      case .help: say(helpText)
      case .version: say(versionText)
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
    let image = try openImage(options.image)
    try checkMachine(for: image, own: own)
    var launch = try Launch(image, options, own: own)
    launch.run()
  }
}
