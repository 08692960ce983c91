internal import CImage
internal import CKernel
internal import Kernel
internal import KernelABI

/// The process that becomes the program, and what came with it.
struct Identity: BitwiseCopyable {
  /// 0 in the new process itself.
  var pid: Int32 = 0

  /// The clocks of the new process go on from those of the image.
  var hasClocks = false

  var isFresh = false

  /// It has a PID namespace of its own, and so needs its own view of /proc.
  var hasNamespace = false

  /// It has a user namespace of its own.
  var hasUserNamespace = false

  /// The first process of the namespace; its `pid` is 0 when there is none.
  var namespaceInit = NamespaceInit()

  /// What this process may do.
  ///
  /// Source: capget(2).
  static var powers: IdentityPlan.Powers {
    IdentityPlan.Powers(effective: (try? Capabilities.current())?.effective ?? 0)
  }

  /// Makes the new process: returns twice.
  static func make(_ plan: IdentityPlan, for image: LoadedImage) throws(RestartFailure) -> Identity
  {
    switch plan {
    case .fresh: return try fresh(image)
    case .namespace(let withUser): return try inNamespace(image, withUser: withUser)
    case .here(let yields):
      if let identity = try here(image, yields: yields) { return identity }
      return try inNamespace(image, withUser: !Self.powers.isAdministrator)
    }
  }

  private static func fresh(_ image: LoadedImage) throws(RestartFailure) -> Identity {
    var identity = Identity()
    identity.isFresh = true
    identity.hasClocks = Namespaces.tryTime(image.image)
    identity.pid = try during("cannot start a process") { () throws(Errno) in
      image.precopied?.bequeath()
      return try Process.fork()
    }
    return identity
  }

  /// - Parameter yields: does not insist when somebody has one of the IDs.
  /// - Returns: `nil` when choosing IDs is not allowed after all, or a dead process that nobody
  ///   waits for has one: then they can be had in a namespace only.
  private static func here(
    _ image: LoadedImage, yields: Bool
  ) throws(RestartFailure) -> Identity? {
    let pid = image.process.pid
    let threads = image.threads
    for index in 0..<threads.count {
      let id = threads[index].tid
      if yields {
        guard !Birth.isTaken(id) else { return nil }
        continue
      }
      switch IDHolder.settled(of: id) {
      case .nobody: break
      case .zombie: return nil
      case .someone, .dying: throw taken(id, isProcess: id == pid)
      }
    }
    var identity = Identity()
    identity.hasClocks = Namespaces.tryTime(image.image)
    do throws(Errno) {
      identity.pid = try bear(image)
      return identity
    } catch {
      switch error {
      case .notPermitted: return nil
      case .exists:
        if yields { return nil }
        throw taken(pid, isProcess: true)
      default: throw birthFailure(error, pid: pid)
      }
    }
  }

  private static func inNamespace(
    _ image: LoadedImage, withUser: Bool
  ) throws(RestartFailure) -> Identity {
    let pid = image.process.pid
    var identity = Identity()
    identity.hasNamespace = true
    identity.hasUserNamespace = withUser
    do throws(Errno) {
      identity.hasClocks = try Namespaces.make(withUser: withUser, for: image)
    } catch {
      if !withUser, error == .notPermitted { return try inNamespace(image, withUser: true) }
      throw NamespaceLimits.here.refusal(error, pid: pid)
    }
    do throws(Errno) {
      // A program that was the first of its namespace is so again.
      if pid != 1 { identity.namespaceInit = try NamespaceInit.start() }
      identity.pid = try bear(image)
      return identity
    } catch {
      throw birthFailure(error, pid: pid)
    }
  }

  /// The process itself, with its ID.
  private static func bear(_ image: LoadedImage) throws(Errno) -> Int32 {
    image.precopied?.bequeath()
    return try Birth.fork(as: image.process.pid)
  }

  private static func taken(_ id: Int32, isProcess: Bool) -> RestartFailure {
    let isOwn = id == Process.ownID
    return RestartFailure(
      .failed,
      isProcess
        ? "cannot give the program its process ID" : "cannot give a thread of the program its ID",
      errno: .exists,
      why: isOwn ? "it is that of this `restart` itself" : "another process has it now",
      hint: isOwn
        ? "just try once more" : "use --private-pids, or --fresh-pids for any other ID",
      number: UInt64(id), numberStyle: .decimal)
  }

  private static func birthFailure(_ errno: Errno, pid: Int32) -> RestartFailure {
    let why: StaticString
    var hint: StaticString = ""
    switch errno {
    case .invalid:
      why = "it is above this system's largest"
      hint = "use --private-pids, or as root: sysctl kernel.pid_max=4194304"
    case .notImplemented: why = "this kernel can't do that, it takes Linux 5.5"
    case .tryAgain:
      why = "too many processes"
      hint = "raise the limit: ulimit -u"
    default: why = ""
    }
    return RestartFailure(
      errno == .notImplemented ? .missingKernelFeature : .failed,
      "cannot give the program its process ID", errno: errno, why: why, hint: hint,
      number: UInt64(pid), numberStyle: .decimal)
  }
}
