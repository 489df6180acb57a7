import Foundation
import Zoo

/// Files that tests read.
enum Fixture {
  /// A file of `Tests/ZooTests/Fixtures`.
  static func committed(_ name: String) throws -> [UInt8] {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    return Array(try Data(contentsOf: folder.appendingPathComponent("Fixtures/\(name)")))
  }

  /// A file of the folder that `ZOO_FIXTURES` names, where the real models lie (`tools/fetch_fixtures.py`).
  static func path(_ name: String) -> String? {
    guard let folder = ProcessInfo.processInfo.environment["ZOO_FIXTURES"] else { return nil }
    let path = "\(folder)/\(name)"
    return FileManager.default.fileExists(atPath: path) ? path : nil
  }

  static func bytes(_ path: String) throws -> [UInt8] {
    Array(try Data(contentsOf: URL(fileURLWithPath: path)))
  }

  /// Each variant of `bytes` with one byte flipped or everything from it on cut off.
  static func damaged(_ bytes: [UInt8], step: Int = 1) -> [[UInt8]] {
    var variants: [[UInt8]] = []
    for index in stride(from: 0, to: bytes.count, by: step) {
      variants.append(Array(bytes[..<index]))
      for mask: UInt8 in [0xFF, 0x01, 0x80] {
        var variant = bytes
        variant[index] ^= mask
        variants.append(variant)
      }
    }
    return variants
  }
}
