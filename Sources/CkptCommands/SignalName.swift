public import ArgumentParser
internal import CheckpointKit

/// A signal as a person names it: `12`, `USR2`, `SIGUSR2`, `RTMIN+3`.
public struct SignalName: ExpressibleByArgument, Equatable, Sendable {
  public let number: Int

  public init?(argument: String) {
    guard let number = signalNumber(argument) else { return nil }
    self.number = number
  }
}
