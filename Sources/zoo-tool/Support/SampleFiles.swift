import Zoo

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// Samples in files: a folder per sample with a file per input, or a file per sample.
enum SampleFiles {
  private static let extensions: Set = ["npy", "pb"]

  /// - Throws: `.fileAccess` if there is nothing at `path`, `.invalidRequest` if it holds no sample.
  static func read(_ path: String, for model: Model) throws(ModelError) -> [[String: Value]] {
    var isFolder: Bool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw ModelError(.fileAccess, "no such file or folder", at: .init(file: path))
    }
    if !isFolder { return [try single(path, model)] }
    if let sample = try folder(path, model) { return [sample] }
    var samples: [[String: Value]] = []
    for name in try entries(path) {
      let entry = "\(path)/\(name)"
      if isTensor(name) {
        samples.append(try single(entry, model))
      } else if FileManager.default.fileExists(atPath: entry, isDirectory: &isFolder), isFolder,
        let sample = try folder(entry, model)
      {
        samples.append(sample)
      }
    }
    if samples.isEmpty {
      let names = required(model).joined(separator: ", ")
      throw ModelError(
        .invalidRequest, "a folder without samples",
        expected: "folders with a .npy or .pb file for each of the inputs \(names)",
        at: .init(file: path))
    }
    return samples
  }

  private static func required(_ model: Model) -> [String] {
    model.main.requiredInputs.map { model[$0].name }
  }

  private static func isTensor(_ name: String) -> Bool {
    extensions.contains(name.split(separator: ".").last.map(String.init) ?? "")
  }

  /// The names in a folder, sorted, so that samples always come in the same order.
  private static func entries(_ path: String) throws(ModelError) -> [String] {
    do {
      return try FileManager.default.contentsOfDirectory(atPath: path).sorted()
    } catch {
      throw ModelError(.fileAccess, "cannot be read: \(error)", at: .init(file: path))
    }
  }

  /// One file for the only input.
  private static func single(
    _ path: String, _ model: Model
  ) throws(ModelError) -> [String: Value] {
    let inputs = model.main.requiredInputs
    guard inputs.count == 1 else {
      throw ModelError(
        .invalidRequest, "one file for \(inputs.count) inputs",
        expected: "a folder with a file for each of \(required(model).joined(separator: ", "))",
        at: .init(file: path))
    }
    return [model[inputs[0]].name: try ValueFile.read(path, as: model[inputs[0]].type).value]
  }

  /// A file for each input in one folder; `nil` if one is missing.
  private static func folder(
    _ path: String, _ model: Model
  ) throws(ModelError) -> [String: Value]? {
    var sample: [String: Value] = [:]
    for value in model.main.requiredInputs {
      let name = model[value].name
      let files = extensions.sorted().map { "\(path)/\(name).\($0)" }
      guard let file = files.first(where: { FileManager.default.fileExists(atPath: $0) }) else {
        return nil
      }
      sample[name] = try ValueFile.read(file, as: model[value].type).value
    }
    return sample
  }
}
