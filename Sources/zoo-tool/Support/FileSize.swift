#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif
import Zoo

enum FileSize {
  /// - Throws: `.fileAccess` if there is no such file.
  static func bytes(_ path: String) throws(ModelError) -> Int {
    let attributes = try? FileManager.default.attributesOfItem(atPath: path)
    guard let size = attributes?[.size] as? Int else {
      throw ModelError(.fileAccess, "cannot be examined", at: .init(file: path))
    }
    return size
  }
}
