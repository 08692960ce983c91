internal import KernelABI

/// What the user asked for.
struct RestartOptions: BitwiseCopyable {
  /// How the program's process and thread IDs come back.
  enum IDs: UInt8, BitwiseCopyable {
    /// The same ones, in this PID namespace if that may be, else in one of its own.
    case same
    /// The same ones, in a PID namespace of its own.
    case `private`
    /// Whichever the kernel gives.
    case fresh
    /// The same ones: here if they are free at once, else in a PID namespace of its own.
    case sameOrPrivate
  }

  /// When the memory is read.
  enum Laziness: UInt8, BitwiseCopyable {
    /// All of it before the program runs.
    case none
    /// What is touched first, and the rest while the program runs.
    case background
    /// Only what is touched.
    case touched
    /// The same, by showing the image itself until all is read.
    case mapped, mappedTouched

    /// Nothing is read before it is wanted.
    var isTouched: Bool { self == .touched || self == .mappedTouched }
  }

  enum Request: UInt8, BitwiseCopyable {
    case restart, help, version

    /// To say what this snapshot executable is.
    case describe
  }

  var request = Request.restart
  var ids = IDs.same
  var detaches = false
  var isVerbose = false

  /// Whether the trace goes to standard error.
  var traces = false
  var laziness = Laziness.none
  var pidFile: ByteString?

  /// Which paths differ on this machine.
  var map = PathMap()
  var image = ByteString("")

  /// What the program can ask for as its new arguments and environment.
  var arguments = ProgramArguments()

  /// Where the pages are to be listed that the program touches, -1: nowhere.
  var training: Int32 = -1

  /// This program is itself a snapshot executable, and so its own image.
  var isExecutable = false

  /// The descriptor that the image comes through; `nil`: it is a file.
  var stream: Int32?

  /// Where to say that the program could run now, and to wait for its sender's word; `nil`: it runs.
  var staged: Int32?

  /// The words that are for `ckpt feed`; `nil`: it isn't asked for.
  var feed: WordRange?

  /// Words of the command line, by index.
  struct WordRange: BitwiseCopyable, Equatable {
    var start: Int
    var end: Int
  }

  /// Milliseconds without a byte of a stream until it has failed.
  var patience = 60_000

  /// - Throws: a failure of status `.usage`.
  init(parsing arguments: Arguments) throws(RestartFailure) {
    var index = 0
    var takesOptions = true
    var hasImage = false
    var hasArguments = false
    while index < arguments.count {
      let word = arguments[index]
      index += 1
      if hasImage || stream != nil || feed != nil, word == "--" {
        hasArguments = true
        self.arguments = arguments.rest(from: index, name: hasImage ? image : ByteString("-"))
        break
      } else if takesOptions, word == "--" {
        takesOptions = false
      } else if takesOptions, word == "--feed" {
        let start = index
        while index < arguments.count, !(arguments[index] == "--") { index += 1 }
        feed = WordRange(start: start, end: index)
      } else if takesOptions, word == "-" {
        try takeStream(0)
      } else if takesOptions, word.starts(with: "-") {
        if word == "--pidfile" {
          guard index < arguments.count else { throw Self.usage("--pidfile needs a file name") }
          pidFile = arguments[index]
          index += 1
        } else if word == "--map" {
          guard index < arguments.count else { throw Self.usage("--map needs OLD=NEW") }
          try map.add(arguments[index])
          index += 1
        } else {
          try take(word)
          if request != .restart { return }
        }
      } else {
        guard !hasImage else {
          throw Self.usage("what is for the program comes behind --; surplus argument", word)
        }
        hasImage = true
        image = word
      }
    }
    let comes = stream != nil || feed != nil
    if comes { image = ByteString("-") }
    guard comes != hasImage, !image.isEmpty else {
      throw Self.usage(hasImage ? "one image at a time" : "no image given")
    }
    if staged != nil {
      guard stream != nil else { throw Self.usage("--staged needs a stream of a descriptor") }
      if ids == .same { ids = .sameOrPrivate }
    }
    if !hasArguments { self.arguments = arguments.rest(from: arguments.count, name: image) }
    if let pidFile, pidFile.isEmpty { throw Self.usage("--pidfile needs a file name") }
  }

  /// Takes an option that stands for itself.
  private mutating func take(_ word: ByteString) throws(RestartFailure) {
    if word == "--help" || word == "-h" {
      request = .help
    } else if word == "--version" {
      request = .version
    } else if word == "--verbose" || word == "-v" {
      isVerbose = true
    } else if word == "--trace" {
      traces = true
    } else if word == "--detach" || word == "-d" {
      detaches = true
    } else if word == "--lazy" {
      laziness = .background
    } else if word == "--lazy-touched" {
      laziness = laziness == .mapped ? .mappedTouched : .touched
    } else if word == "--lazy-mapped" {
      laziness = laziness == .touched ? .mappedTouched : .mapped
    } else if word == "--fresh-pids" {
      try choose(.fresh)
    } else if word == "--private-pids" {
      try choose(.private)
    } else if word.starts(with: "--pidfile=") {
      pidFile = word.dropping(10)
    } else if word.starts(with: "--map=") {
      try map.add(word.dropping(6))
    } else if word.starts(with: "--from-descriptor=") {
      try takeStream(try Self.number(word, after: 18, atMost: 1 << 20))
    } else if word.starts(with: "--staged=") {
      staged = try Self.number(word, after: 9, atMost: 1 << 20)
    } else if word.starts(with: "--idle=") {
      patience = 1000 * Int(try Self.number(word, after: 7, atMost: 86_400))
    } else {
      throw Self.usage("unknown option", word)
    }
  }

  private mutating func takeStream(_ descriptor: Int32) throws(RestartFailure) {
    guard stream == nil else { throw Self.usage("one image at a time") }
    stream = descriptor
  }

  /// The decimal number behind the first bytes of a word.
  private static func number(
    _ word: ByteString, after count: Int, atMost limit: Int32
  ) throws(RestartFailure) -> Int32 {
    var value: Int32 = 0
    for index in count..<word.byteCount {
      let digit = Int32(word.byte(at: index)) - 0x30
      guard digit >= 0, digit < 10, value <= (limit - digit) / 10 else {
        throw usage("no such number", word)
      }
      value = value * 10 + digit
    }
    guard word.byteCount > count else { throw usage("it needs a number", word) }
    return value
  }

  /// A stream is read once, in its order.
  ///
  /// - Throws: a failure of status `.usage` for what only a file can do.
  func checkStream() throws(RestartFailure) {
    guard laziness == .none else {
      throw Self.usage("--lazy needs an image in a file, uncompressed")
    }
  }

  private mutating func choose(_ choice: IDs) throws(RestartFailure) {
    guard ids == .same || ids == choice else {
      throw Self.usage("--fresh-pids and --private-pids exclude each other")
    }
    ids = choice
  }

  private static func usage(_ what: StaticString, _ word: ByteString = ByteString(""))
    -> RestartFailure
  {
    RestartFailure(
      .usage, what, hint: "`restart --help` lists the options", name: word.address,
      nameByteCount: word.byteCount)
  }
}
