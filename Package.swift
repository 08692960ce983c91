// swift-tools-version: 6.2
import PackageDescription

// `make agent` and `make restart` set this; everything else builds the host side.
let isFreestanding = Context.environment["CKPT_FREESTANDING"] == "1"

let settings: [SwiftSetting] = [
  .enableExperimentalFeature("Lifetimes"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("ExistentialAny"),
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
]

/// A module compiled twice: Embedded for agent/restart, full Swift for CLI/tests.
func shared(_ name: String, _ dependencies: [Target.Dependency], host: Bool = false) -> Target {
  .target(
    name: name,
    dependencies: dependencies,
    exclude: isFreestanding && host ? ["Host"] : [],
    swiftSettings: settings + (isFreestanding || name != "Kernel" ? [] : [faults]))
}

/// System calls can be made to fail in what `swift test` builds (`Kernel/Faults`).
let faults = SwiftSetting.define("CKPT_FAULTS", .when(configuration: .debug))

let package = Package(
  name: "ckpt",
  targets: [
    .systemLibrary(name: "CKernel"),
    .systemLibrary(name: "CImage"),
    .systemLibrary(name: "CAPI"),
    shared("KernelABI", ["CKernel"], host: true),
    shared("Kernel", ["CKernel", "KernelABI"]),
    shared("Procfs", ["KernelABI"]),
    shared("CheckpointImage", ["CImage", "CKernel", "KernelABI"], host: true),
    shared("Agent", ["CAPI", "CImage", "Kernel", "Procfs", "CheckpointImage"]),
    shared("Restart", ["CImage", "CKernel", "Kernel", "Procfs", "CheckpointImage"]),
    .target(
      name: "BenchBoard", dependencies: ["CKernel", "Kernel", "KernelABI"],
      path: "Sources/ckpt-bench-board", swiftSettings: settings),
  ])

if isFreestanding {
  package.products = [.library(name: "ckpt", type: .dynamic, targets: ["AgentEntry"])]
  package.targets += [
    .target(name: "CFreestanding"),
    .target(name: "RestartEntry", path: "restart/entry"),
    .target(
      name: "AgentEntry", dependencies: ["Agent", "CFreestanding"], exclude: ["exports.map"],
      swiftSettings: settings),
    .executableTarget(
      name: "restart", dependencies: ["Restart", "RestartEntry", "CFreestanding"],
      path: "restart/main", swiftSettings: settings),
    // What `ckpt-bench` saves: an ordinary program with a libc.
    .systemLibrary(name: "CLibrary"),
    .executableTarget(
      name: "ckpt-bench-victim",
      dependencies: ["BenchBoard", "CKernel", "CLibrary", "Kernel", "KernelABI"],
      swiftSettings: settings),
  ]
} else {
  package.dependencies = [
    .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.5.0"),
    .package(url: "https://github.com/apple/swift-crypto.git", from: "4.0.0"),
  ]
  package.products = [.library(name: "Checkpoint", targets: ["Checkpoint"])]
  package.targets += [
    .target(name: "CkptStub"),
    .target(name: "Checkpoint", dependencies: ["CkptStub"], swiftSettings: settings),
    .systemLibrary(
      name: "CUnwind", pkgConfig: "libunwind-coredump", providers: [.apt(["libunwind-dev"])]),
    .systemLibrary(
      name: "CStreams", providers: [.apt(["liblz4-dev", "libzstd-dev", "zlib1g-dev"])]),
    .target(
      name: "CheckpointKit",
      dependencies: [
        "CImage", "CKernel", "CUnwind", "CStreams", "CheckpointImage", "Kernel", "KernelABI",
        .product(name: "Crypto", package: "swift-crypto"),
        .product(name: "CryptoExtras", package: "swift-crypto"),
      ],
      swiftSettings: settings),
    .target(
      name: "CkptCommands",
      dependencies: [
        "CheckpointImage", "CheckpointKit", "KernelABI",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ], swiftSettings: settings),
    .executableTarget(name: "ckpt", dependencies: ["CkptCommands"], swiftSettings: settings),
    .executableTarget(name: "readckpt", dependencies: ["CkptCommands"], swiftSettings: settings),
    .executableTarget(
      name: "ckpt-bench", dependencies: ["BenchBoard", "CheckpointKit", "Kernel", "KernelABI"],
      swiftSettings: settings),
    .target(
      name: "TestImages", dependencies: ["CheckpointImage", "CImage"], path: "Tests/TestImages",
      swiftSettings: settings),
    .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: settings),
    .testTarget(
      name: "CheckpointKitTests",
      dependencies: [
        "Agent", "CheckpointImage", "CheckpointKit", "CImage", "CKernel", "KernelABI", "TestImages",
        "TestSupport",
      ],
      swiftSettings: settings),
    .testTarget(
      name: "CkptCommandsTests",
      dependencies: [
        "CheckpointImage", "CImage", "CkptCommands", "CheckpointKit", "KernelABI", "TestSupport",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ], swiftSettings: settings),
    .target(name: "KernelHeaderCheck", path: "Tests/KernelHeaderCheck"),
    .testTarget(
      name: "KernelTests",
      dependencies: ["Kernel", "KernelABI", "KernelHeaderCheck", "TestSupport"],
      swiftSettings: settings),
    .testTarget(
      name: "RestartTests",
      dependencies: ["Restart", "CImage", "Kernel", "KernelABI", "Procfs", "TestSupport"],
      swiftSettings: settings),
    .testTarget(
      name: "AgentTests",
      dependencies: [
        "Agent", "CAPI", "CheckpointImage", "CKernel", "CImage", "Kernel", "KernelABI", "Procfs",
        "TestSupport",
      ],
      swiftSettings: settings),
    .testTarget(
      name: "ProcfsTests", dependencies: ["Procfs", "TestSupport"], swiftSettings: settings),
    .testTarget(name: "LayeringTests", dependencies: ["TestSupport"], swiftSettings: settings),
    .testTarget(
      name: "CheckpointImageTests",
      dependencies: ["CheckpointImage", "CImage", "TestImages", "TestSupport"],
      swiftSettings: settings),
  ]
}
