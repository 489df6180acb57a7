// swift-tools-version: 6.1
import PackageDescription

/// Fuzz targets; `scripts/fuzz.sh` builds them with libFuzzer and runs them. Built without it, each replays the files
/// that it is given.
let package = Package(
  name: "Fuzz",
  dependencies: [.package(name: "ModelZoo", path: "..")],
  targets: [
    .target(name: "FuzzSupport"),
    .executableTarget(
      name: "zoo-reader",
      dependencies: ["FuzzSupport", .product(name: "ModelFormat", package: "ModelZoo")]),
    .executableTarget(
      name: "onnx-reader",
      dependencies: ["FuzzSupport", .product(name: "ModelFormat", package: "ModelZoo")]),
    .executableTarget(
      name: "image-decoder",
      dependencies: ["FuzzSupport", .product(name: "Zoo", package: "ModelZoo")]),
  ]
)
