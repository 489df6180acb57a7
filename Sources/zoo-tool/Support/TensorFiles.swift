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
      values[argument.name] = try ValueFile.read(
        argument.value, as: type, limits: .ofArguments
      ).value
    }
    return values
  }

  /// Writes `output_0.npy`, … in the order of the session's outputs.
  static func write(
    _ values: [String: Value], of session: Session, to folder: String, format: ValueFile.Format
  ) throws(ModelError) {
    for output in session.outputs where format == .npy {
      guard let value = values[output.name], value.tensor == nil else { continue }
      throw ModelError(
        .invalidRequest, "output '\(output.name)' is \(value.type), which .npy files cannot hold",
        expected: "a tensor", remedy: "write .pb files: --output-format pb")
    }
    try makeFolder(folder)
    for (index, output) in session.outputs.enumerated() {
      guard let value = values[output.name] else { continue }
      try ValueFile.write(
        NamedValue(output.name, value), to: "\(folder)/output_\(index).\(format.rawValue)",
        format: format)
    }
  }

  private static func makeFolder(_ path: String) throws(ModelError) {
    let manager = FileManager.default
    var isFolder: Bool = false
    if manager.fileExists(atPath: path, isDirectory: &isFolder) {
      if isFolder { return }
      throw ModelError(.fileAccess, "a file", expected: "a folder", at: .init(file: path))
    }
    do {
      try manager.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw ModelError(.fileAccess, "no folder can be made there", at: .init(file: path))
    }
  }
}
