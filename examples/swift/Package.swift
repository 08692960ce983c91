// swift-tools-version: 6.2
import PackageDescription

let package = Package(
  name: "steps",
  dependencies: [.package(name: "ckpt", path: "../..")],
  targets: [
    .executableTarget(name: "steps", dependencies: [.product(name: "Checkpoint", package: "ckpt")])
  ])
