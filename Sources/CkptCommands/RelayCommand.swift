internal import ArgumentParser
internal import CheckpointKit

/// What `ckpt migrate` has running on the other machine, between the connection and `restart`.
struct RelayCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "far", abstract: "Take a migrating program in.", shouldDisplay: false)

  @Flag(help: "Say which version of the other side is understood.")
  var `protocol` = false

  @Option(help: "The program restart.")
  var restart: String?

  @Option(help: "Seconds without a byte.")
  var idle: UInt64 = 60

  @Flag(help: "Go on with other process IDs.")
  var freshPids = false

  @Flag(help: "Use a process ID namespace.")
  var privatePids = false

  @Option(help: "For a path over there take another one here.")
  var map: [String] = []

  @Flag(help: "Stay with the program.")
  var attach = false

  @Option(help: "Listen there, when it is not known where ssh has come in.")
  var address: String?

  @Option(help: "Listen at this port; 0: at any.")
  var port: UInt16?

  func run() throws {
    if self.protocol { return writeOutput("\(RelayOrder.version)\n") }
    guard let restart else { throw ValidationError("this is for `ckpt migrate`") }
    var order = RelayOrder(restart: restart)
    order.idle = idle
    order.ids = freshPids ? .fresh : privatePids ? .private : .same
    order.map = map
    order.isAttached = attach
    order.endpoint = port.map { RelayOrder.Endpoint(host: address, port: $0) }
    let status: Int32
    do throws(StreamFailure) { status = try takeIn(order) } catch {
      throw error.failure("cannot take the program in")
    }
    throw ExitCode(status)
  }
}
