// swift-tools-version: 6.1
import PackageDescription

let package = Package(
  name: "Benchmarks",
  dependencies: [.package(name: "ModelZoo", path: "..")],
  targets: [
    .executableTarget(
      name: "decode-bench", dependencies: [.product(name: "ModelFormat", package: "ModelZoo")])
  ]
)
