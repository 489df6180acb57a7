// swift-tools-version: 6.1
import PackageDescription

// A program that embeds the models and the runtime. A package of your own names a URL and a version instead of a path.
let package = Package(
  name: "Examples",
  dependencies: [.package(name: "ModelZoo", path: "..")],
  targets: [
    .executableTarget(
      name: "embed", dependencies: [.product(name: "Zoo", package: "ModelZoo")])
  ]
)
