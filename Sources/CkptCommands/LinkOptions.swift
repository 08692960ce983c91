internal import ArgumentParser
internal import CheckpointKit

/// How a migrating program's image goes, and whether the program stays attached.
struct LinkOptions: ParsableArguments {
  enum Way: String, ExpressibleByArgument, CaseIterable { case ssh, tcp }

  @Option(
    help: ArgumentHelp(
      "How the image goes: ssh, or tcp: directly, encrypted under a key that goes through ssh.",
      valueName: "way"))
  var via = Way.ssh

  @Option(
    help: ArgumentHelp(
      "Where the other machine is reached by tcp (default: where ssh has come in).",
      valueName: "host"))
  var address: String?

  @Option(help: ArgumentHelp("The port for it over there (default: any).", valueName: "number"))
  var port: UInt16?

  @Option(
    help: ArgumentHelp(
      "Compress the image on the way: none, lz4, zstd[:LEVEL[:THREADS]] or gzip[:LEVEL].",
      valueName: "way"))
  var compress = StreamPacking.none

  @Flag(help: "Stay in front: its standard streams, signals and exit status are this command's.")
  var attach = false

  func validate() throws {
    guard via == .tcp || (address == nil && port == nil) else {
      throw ValidationError("--address and --port are for --via tcp")
    }
    if let address, address.isEmpty || address.contains(where: { $0.isWhitespace }) {
      throw ValidationError("no such address: \(address)")
    }
  }

  /// - Parameter program: the file of this command.
  func order(_ program: String) -> LinkOrder {
    var order = LinkOrder()
    order.tcp = via == .tcp ? .init(address: address, port: port ?? 0) : nil
    order.packing = compress
    order.isAttached = attach
    order.program = program
    return order
  }
}
