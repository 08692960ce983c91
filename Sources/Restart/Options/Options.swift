internal import KernelABI

/// What the user asked for.
struct Options: BitwiseCopyable {
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
  var laziness = Laziness.none
  var pidFile: Text?
  var image = Text("")

  /// What the program can ask for as its new arguments and environment.
  var arguments = ProgramArguments()

  /// This program is itself a snapshot executable, and so its own image.
  var isExecutable = false

  /// - Throws: a failure of status `.usage`.
  init(parsing arguments: Arguments) throws(RestartFailure) {
    var index = 0
    var takesOptions = true
    var hasImage = false
    var hasArguments = false
    while index < arguments.count {
      let word = arguments[index]
      index += 1
      if hasImage, word == "--" {
        hasArguments = true
        self.arguments = arguments.rest(from: index, name: image)
        break
      } else if takesOptions, word == "--" {
        takesOptions = false
      } else if takesOptions, word.starts(with: "-") {
        if word == "--pidfile" {
          guard index < arguments.count else { throw Self.usage("--pidfile needs a file name") }
          pidFile = arguments[index]
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
    guard hasImage, !image.isEmpty else { throw Self.usage("no image given") }
    if !hasArguments { self.arguments = arguments.rest(from: arguments.count, name: image) }
    if let pidFile, pidFile.isEmpty { throw Self.usage("--pidfile needs a file name") }
  }

  /// Takes an option that stands for itself.
  private mutating func take(_ word: Text) throws(RestartFailure) {
    if word == "--help" || word == "-h" {
      request = .help
    } else if word == "--version" {
      request = .version
    } else if word == "--verbose" || word == "-v" {
      isVerbose = true
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
    } else {
      throw Self.usage("unknown option", word)
    }
  }

  private mutating func choose(_ choice: IDs) throws(RestartFailure) {
    guard ids == .same || ids == choice else {
      throw Self.usage("--fresh-pids and --private-pids exclude each other")
    }
    ids = choice
  }

  private static func usage(_ what: StaticString, _ word: Text = Text("")) -> RestartFailure {
    RestartFailure(
      .usage, what, hint: "`restart --help` lists the options", name: word.address,
      nameByteCount: word.byteCount)
  }
}
