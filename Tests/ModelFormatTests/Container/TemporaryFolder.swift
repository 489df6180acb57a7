import Foundation
import ModelFormat

/// A folder that disappears with this object.
final class TemporaryFolder {
  let path: String

  init() throws {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    path = url.path
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func file(_ name: String) -> String { path + "/" + name }
  var names: [String] {
    get throws { try FileManager.default.contentsOfDirectory(atPath: path).sorted() }
  }
}

func bytes(of path: String) throws -> [UInt8] {
  [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
}

/// Reads a .zoo file without asking whether its graph makes sense: random models make none.
func readZoo(_ path: String) throws -> Model {
  try ZooFormat().read(try MappedFile(path: path), limits: .default)
}

func readZoo(_ bytes: [UInt8]) throws -> Model {
  try ZooFormat().read(try MappedFile(copying: bytes), limits: .default)
}
