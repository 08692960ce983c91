/// Who has the other end of an open file description, or what it refers to.
enum Peer: Equatable, BitwiseCopyable {
  /// An open file description of the image: its index in `draft.files`.
  case own(Int)

  /// A process of the image: its PID.
  case member(Int32)

  /// Another process, for which one of `restart`'s standard streams takes over: 0, 1 or 2.
  case standard(Int32)

  /// Another process, of which the image has nothing.
  case outside

  /// Nobody, or nobody any more.
  case gone
}
