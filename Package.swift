// swift-tools-version: 6.1
import PackageDescription

let settings: [SwiftSetting] = [.enableUpcomingFeature("ExistentialAny")]
let release: [CSetting] = [.define("NDEBUG", .when(configuration: .release))]

let package = Package(
  name: "ModelZoo",
  products: [
    .library(name: "ModelFormat", targets: ["ModelFormat"]),
    .library(name: "ZooRuntime", targets: ["ZooRuntime"]),
    .library(name: "Quantize", targets: ["Quantize"]),
    .library(name: "Zoo", targets: ["Zoo"]),
    .executable(name: "zoo-tool", targets: ["zoo-tool"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
  ],
  targets: [
    .systemLibrary(name: "CZstd", providers: [.apt(["libzstd-dev"])]),
    .systemLibrary(name: "CProtobufC", providers: [.apt(["libprotobuf-c-dev"])]),
    .systemLibrary(name: "CPng", providers: [.apt(["libpng-dev"])]),
    .systemLibrary(name: "CTurboJPEG", providers: [.apt(["libturbojpeg0-dev"])]),
    .systemLibrary(name: "CTiff", providers: [.apt(["libtiff-dev"])]),
    .systemLibrary(name: "CWebP", providers: [.apt(["libwebp-dev"])]),
    .systemLibrary(name: "COpenJPEG", providers: [.apt(["libopenjp2-7-dev"])]),
    .target(name: "CSchemas", dependencies: ["CProtobufC"], cSettings: release),
    .target(name: "CEmbeddedModels", exclude: ["models"]),
    .target(name: "CKernels", cSettings: release),
    .target(name: "LibC"),
    .target(
      name: "ModelFormat", dependencies: ["CKernels", "CSchemas", "CZstd", "LibC"],
      swiftSettings: settings),
    .target(
      name: "ZooRuntime", dependencies: ["CKernels", "LibC", "ModelFormat"],
      path: "Sources/Runtime",
      swiftSettings: settings),
    .target(name: "Quantize", dependencies: ["LibC", "ZooRuntime"], swiftSettings: settings),
    .target(
      name: "Zoo",
      dependencies: [
        "CEmbeddedModels", "Quantize", "ZooRuntime", "COpenJPEG", "CPng", "CTiff", "CTurboJPEG",
        "CWebP", "LibC",
      ],
      swiftSettings: settings),
    .executableTarget(
      name: "zoo-tool",
      dependencies: [
        "LibC", "Zoo", .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: settings),
    .testTarget(
      name: "ModelFormatTests", dependencies: ["ModelFormat", "CKernels", "CZstd"],
      exclude: ["Fixtures"], swiftSettings: settings),
    .testTarget(
      name: "ZooRuntimeTests", dependencies: ["ZooRuntime", "CKernels"],
      exclude: ["Differential"], swiftSettings: settings),
    .testTarget(name: "QuantizeTests", dependencies: ["Quantize"], swiftSettings: settings),
    .testTarget(
      name: "ZooTests", dependencies: ["Zoo"], exclude: ["Fixtures"], swiftSettings: settings),
    .testTarget(name: "ToolTests", dependencies: ["Zoo", "zoo-tool"], swiftSettings: settings),
  ],
  cLanguageStandard: .gnu17
)
