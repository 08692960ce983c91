internal import KernelABI

/// A system call that the agent makes at a checkpoint, as a filter of seccomp(2) sees it.
struct AgentCall {
  var name: String
  var call: FilterProgram.Call

  /// Whether no checkpoint is made without it; of the others an error is borne.
  var isNeeded: Bool

  /// Whether a checkpoint would end the program, or fail, or wait for ever.
  func isForbidden(by filters: [FilterProgram]) -> Bool {
    let verdict = filters.map { $0.verdict(on: call) }.min() ?? .allow
    switch verdict {
    case .allow: return false
    case .error, .trace: return isNeeded
    case .kill, .trap, .notify: return true
    }
  }

  static let all = needed + sometimes

  /// What every checkpoint makes, with arguments as filters look at them.
  private static let needed: [AgentCall] = [
    ("read", 0, []), ("write", 1, []), ("open", 2, []), ("close", 3, []), ("fstat", 5, []),
    ("lseek", 8, []), ("mmap", 9, [0, 4096, 3, 0x22, UInt64.max, 0]),
    ("mprotect", 10, [0, 4096, 3]),
    ("munmap", 11, []), ("brk", 12, []), ("rt_sigaction", 13, []), ("rt_sigprocmask", 14, []),
    ("rt_sigreturn", 15, []), ("pread64", 17, []), ("pwrite64", 18, []),
    ("madvise", 28, [0, 4096, 10]),
    ("getitimer", 36, []), ("getpid", 39, []), ("fcntl", 72, [0, 3]), ("getcwd", 79, []),
    ("readlink", 89, []), ("umask", 95, []), ("getppid", 110, []), ("getpgid", 121, []),
    ("getsid", 124, []), ("capget", 125, []), ("rt_sigpending", 127, []),
    ("personality", 135, [0xFFFF_FFFF]),
    ("getpriority", 140, []), ("prctl", 157, [39]), ("arch_prctl", 158, [0x1003]),
    ("gettid", 186, []),
    ("futex", 202, [0, 0]), ("sched_getaffinity", 204, []), ("getdents64", 217, []),
    ("clock_gettime", 228, [1]), ("exit_group", 231, []), ("wait4", 61, []), ("openat", 257, []),
    ("newfstatat", 262, []), ("get_robust_list", 274, []), ("prlimit64", 302, []),
    ("sched_getattr", 315, []), ("getrandom", 318, []), ("clone3", 435, []),
    ("rt_tgsigqueueinfo", 297, []), ("ioctl", 16, [0, 0xC060_6610]), ("socket", 41, [1, 5]),
    ("connect", 42, []), ("sendto", 44, []), ("recvmsg", 47, []), ("getsockopt", 55, [0, 1, 17]),
    ("rename", 82, []), ("fsync", 74, []),
  ].map(AgentCall.init(needed:))

  /// What some checkpoints make: by the kinds of descriptors and memory that there are.
  private static let sometimes: [AgentCall] = [
    ("stat", 4), ("lstat", 6), ("poll", 7), ("sched_yield", 24), ("mremap", 25), ("mincore", 27),
    ("shmget", 29), ("shmat", 30), ("shmctl", 31), ("bind", 49), ("listen", 50),
    ("getsockname", 51),
    ("getpeername", 52), ("socketpair", 53), ("setsockopt", 54), ("exit", 60), ("uname", 63),
    ("flock", 73), ("ftruncate", 77), ("fchdir", 81), ("unlink", 87), ("symlink", 88),
    ("fchmod", 91),
    ("getrusage", 98), ("getgroups", 115), ("getresuid", 118), ("getresgid", 120),
    ("setfsuid", 122),
    ("setfsgid", 123), ("rt_sigtimedwait", 128), ("rt_sigqueueinfo", 129), ("fstatfs", 138),
    ("setpriority", 141), ("timer_create", 222), ("timer_settime", 223), ("timer_gettime", 224),
    ("timer_delete", 226), ("geteuid", 107), ("setsid", 112), ("tgkill", 234), ("ioprio_get", 252),
    ("linkat", 265), ("set_robust_list", 273), ("tee", 276), ("sync_file_range", 277),
    ("fallocate", 285), ("timerfd_gettime", 287), ("eventfd2", 290), ("epoll_create1", 291),
    ("dup3", 292), ("pipe2", 293), ("process_vm_readv", 310), ("kcmp", 312), ("renameat2", 316),
    ("memfd_create", 319), ("userfaultfd", 323), ("rseq", 334), ("pidfd_open", 434),
    ("close_range", 436), ("pidfd_getfd", 438),
  ].map(AgentCall.init(sometimes:))

  private init(needed entry: (String, Int, [UInt64])) {
    name = entry.0
    call = FilterProgram.Call(entry.1, entry.2)
    isNeeded = true
  }

  private init(sometimes entry: (String, Int)) {
    name = entry.0
    call = FilterProgram.Call(entry.1)
    isNeeded = false
  }
}
