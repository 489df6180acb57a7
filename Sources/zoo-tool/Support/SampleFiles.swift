import Zoo

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// Samples in files: tensors as they are, or what people have (texts, pictures, rows), made into tensors as the model's
/// task does it.
struct SampleFiles {
  let model: Model
  /// The model as it was named, and what it is for if that was said.
  let reference: String
  let task: String?
  let registry: PluginRegistry
  private var zooModel: ZooModel?

  init(_ model: Model, reference: String, task: String?, registry: PluginRegistry) {
    self.model = model
    self.reference = reference
    self.task = task
    self.registry = registry
  }

  private static let tensors: Set = ["npy", "pb"]

  /// - Throws: `.fileAccess` if there is nothing at `path`, `.invalidRequest` if it holds no sample.
  mutating func read(_ path: String) throws(ModelError) -> [[String: Value]] {
    guard let isFolder = Self.isFolder(path) else {
      throw ModelError(.fileAccess, "no such file or folder", at: .init(file: path))
    }
    if !isFolder { return try file(path) }
    if let sample = try folder(path) { return [sample] }
    var samples: [[String: Value]] = []
    for name in try Self.entries(path) where !name.hasPrefix(".") {
      let entry = "\(path)/\(name)"
      if Self.isFolder(entry) == true {
        if let sample = try folder(entry) { samples.append(sample) }
      } else {
        samples += try file(entry)
      }
    }
    if samples.isEmpty { throw try refusal("a folder without samples", path) }
    return samples
  }

  /// The samples in one file.
  private mutating func file(_ path: String) throws(ModelError) -> [[String: Value]] {
    if Self.tensors.contains(Self.ending(path)) { return [try single(path)] }
    let zoo = try opened()
    guard zoo.inputKind != .tensors else { throw try refusal("a file that is no tensor", path) }
    let samples: [[String: Value]]
    do throws(ModelError) {
      samples = try zoo.samples(RawInput.read(path, as: zoo.inputKind))
    } catch {
      // What is no such input at all is told what would be one.
      guard error.code == .malformed, error.site.file == path else { throw error }
      throw try refusal(error.found, path)
    }
    if samples.isEmpty { throw try refusal("a file without samples", path) }
    return samples
  }

  private mutating func opened() throws(ModelError) -> ZooModel {
    if let zooModel { return zooModel }
    let opened = try ZooModel(reference, task: task, registry: registry)
    zooModel = opened
    return opened
  }

  /// What would be a sample.
  private mutating func refusal(_ found: String, _ path: String) throws(ModelError) -> ModelError {
    let raw: String? =
      switch try opened().inputKind {
      case .image: "pictures"
      case .text: "text files with a text a line"
      case .row: "CSV files with a header"
      case .tensors: nil
      }
    let names = required.joined(separator: ", ")
    let tensors =
      required.count == 1
      ? ".npy or .pb files with the input \(names)"
      : "folders with a .npy or .pb file for each of the inputs \(names)"
    return ModelError(
      .invalidRequest, found,
      expected: [raw, tensors].compactMap { $0 }.joined(separator: ", or "),
      remedy: raw == nil ? "say with --task what the model is for, to use raw inputs" : nil,
      at: .init(file: path))
  }

  private var required: [String] { model.main.requiredInputs.map { model[$0].name } }

  /// One tensor file for the only input.
  private mutating func single(_ path: String) throws(ModelError) -> [String: Value] {
    let inputs = model.main.requiredInputs
    guard inputs.count == 1 else {
      throw try refusal("one tensor for \(inputs.count) inputs", path)
    }
    return [model[inputs[0]].name: try ValueFile.read(path, as: model[inputs[0]].type).value]
  }

  /// A tensor file for each input in one folder; `nil` if one is missing.
  private func folder(_ path: String) throws(ModelError) -> [String: Value]? {
    var sample: [String: Value] = [:]
    for value in model.main.requiredInputs {
      let name = model[value].name
      let files = Self.tensors.sorted().map { "\(path)/\(name).\($0)" }
      guard let file = files.first(where: { Self.isFolder($0) == false }) else { return nil }
      sample[name] = try ValueFile.read(file, as: model[value].type).value
    }
    return sample
  }
}

extension SampleFiles {
  /// `nil` if there is nothing.
  private static func isFolder(_ path: String) -> Bool? {
    var isFolder: Bool = false
    let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
    return exists ? isFolder : nil
  }

  private static func ending(_ path: String) -> String {
    path.split(separator: ".").last.map { $0.lowercased() } ?? ""
  }

  /// The names in a folder, sorted, so that samples always come in the same order.
  private static func entries(_ path: String) throws(ModelError) -> [String] {
    do {
      return try FileManager.default.contentsOfDirectory(atPath: path).sorted()
    } catch {
      throw ModelError(.fileAccess, "cannot be read", at: .init(file: path))
    }
  }
}
