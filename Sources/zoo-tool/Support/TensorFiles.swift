import Zoo

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// Tensors in files, as arguments name them.
enum TensorFiles {
  static func read(
    _ arguments: [NamedArgument], for session: Session
  ) throws(ModelError) -> [String: Value] {
    var values: [String: Value] = [:]
    for argument in arguments {
      guard values[argument.name] == nil else {
        throw ModelError(.invalidRequest, "two files for input '\(argument.name)'")
      }
      let type = session.inputs.first { $0.name == argument.name }?.type
      values[argument.name] = try ValueFile.read(argument.value, as: type).value
    }
    return values
  }

  /// Writes `output_0.npy`, … in the order of the session's outputs.
  static func write(
    _ values: [String: Value], of session: Session, to folder: String, format: ValueFile.Format
  ) throws(ModelError) {
    do {
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true)
    } catch {
      throw ModelError(.fileAccess, "cannot be created: \(error)", at: .init(file: folder))
    }
    for (index, output) in session.outputs.enumerated() {
      guard let value = values[output.name] else { continue }
      try ValueFile.write(
        NamedValue(output.name, value), to: "\(folder)/output_\(index).\(format.rawValue)",
        format: format)
    }
  }
}
