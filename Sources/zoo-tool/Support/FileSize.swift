import LibC
import Zoo

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

enum FileSize {
  /// - Throws: `.fileAccess` if there is no such file.
  static func bytes(_ path: String) throws(ModelError) -> Int {
    var status = stat()
    guard stat(path, &status) == 0 else {
      throw ModelError(.fileAccess, "cannot be examined", at: .init(file: path))
    }
    return Int(status.st_size)
  }

  /// Bytes of a model's file or folder and of its external data.
  static func total(_ model: Model, at path: String) -> Int {
    let weights = model.graphs.flatMap(\.weights.values)
    return total(path)
      + weights.reduce(0) { $0 + ($1.encoding == "external" ? $1.storedByteCount : 0) }
  }

  /// Bytes of a file, or of all files in a folder; 0 for what is no path.
  static func total(_ path: String) -> Int {
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: path) else {
      return (try? bytes(path)) ?? 0
    }
    return names.reduce(0) { $0 + total("\(path)/\($1)") }
  }
}
