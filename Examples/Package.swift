// swift-tools-version: 6.1
import PackageDescription

// A program that embeds the models and the runtime, and a plugin that zoo-tool loads. A package of your own names a URL
// and a version instead of a path.
let package = Package(
  name: "Examples",
  products: [.library(name: "plugin", type: .dynamic, targets: ["plugin"])],
  dependencies: [.package(name: "ModelZoo", path: "..")],
  targets: [
    .executableTarget(
      name: "embed", dependencies: [.product(name: "Zoo", package: "ModelZoo")]),
    .target(name: "plugin", dependencies: [.product(name: "Zoo", package: "ModelZoo")]),
  ]
)
