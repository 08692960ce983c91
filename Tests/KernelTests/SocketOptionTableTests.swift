import Kernel
import Testing

/// A new socket of each kind, to hold the table against this kernel.
struct SocketOptionTableTests {
  struct Kind: CustomTestStringConvertible {
    let family: Int32
    let type: Int32
    let `protocol`: Int32
    var testDescription: String { "\(family)/\(type)/\(`protocol`)" }
  }

  static let kinds = [
    Kind(family: Sockets.Family.inet, type: 1, protocol: 6),
    Kind(family: Sockets.Family.inet, type: 2, protocol: 17),
    Kind(family: Sockets.Family.inet6, type: 1, protocol: 6),
    Kind(family: Sockets.Family.inet6, type: 2, protocol: 17),
    Kind(family: Sockets.Family.unix, type: 1, protocol: 0),
    Kind(family: Sockets.Family.unix, type: 2, protocol: 0),
    Kind(family: Sockets.Family.netlink, type: 3, protocol: 0),
  ]

  @Test(arguments: kinds)
  func whatStartsAtZeroReadsZeroOnANewSocket(kind: Kind) throws {
    let number = try Sockets.make(kind.family, kind.type, kind.protocol)
    defer { closeDescriptor(number) }
    let socket = SocketOptionTable.Socket(
      family: kind.family, protocol: kind.protocol, isConnected: false)
    var read = 0
    SocketOptionTable.forEach(of: socket) { option in
      var value = InlineArray<2, UInt64>(repeating: 0)
      guard (try? Sockets.option(number, option, into: &value)) != nil
      else { return }
      read += 1
      #expect(
        value[0] | value[1] == 0 || !SocketOptionTable.startsAtZero(option),
        "level \(option.level) name \(option.name)")
    }
    #expect(read >= 5)
  }

  @Test(arguments: kinds)
  func anOptionIsListedOnce(kind: Kind) {
    var seen: [SocketOption] = []
    for isConnected in [false, true] {
      seen = []
      SocketOptionTable.forEach(
        of: .init(family: kind.family, protocol: kind.protocol, isConnected: isConnected)
      ) { option in
        #expect(!seen.contains(option))
        seen.append(option)
      }
    }
  }

  /// A connection reads what was negotiated, which set on another would limit it.
  @Test func aConnectionDoesNotKeepWhatWasNegotiated() {
    SocketOptionTable.forEach(
      of: .init(family: Sockets.Family.inet, protocol: 6, isConnected: true)
    ) { option in
      #expect(option != SocketOption(level: 6, name: 2))
      #expect(option != SocketOption(level: 0, name: 33))
    }
  }
}
