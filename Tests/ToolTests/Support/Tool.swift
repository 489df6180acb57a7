import Foundation
import Testing

/// The program under test, built beside the tests.
enum Tool {
  static func url() throws -> URL {
    #if os(Linux)
      let tests = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
    #else
      let tests = try #require(Bundle.allBundles.first { $0.bundlePath.hasSuffix(".xctest") })
        .bundleURL
    #endif
    let tool = tests.deletingLastPathComponent().appending(path: "zoo-tool")
    try #require(FileManager.default.isExecutableFile(atPath: tool.path))
    return tool
  }

  /// Starts the program; what it prints is dropped.
  static func start(_ arguments: [String]) throws -> Process {
    let process = Process()
    process.executableURL = try url()
    process.arguments = arguments
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    return process
  }
}
