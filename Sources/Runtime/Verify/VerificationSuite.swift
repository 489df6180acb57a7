#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// A model with cases to replay: a file with recorded cases, or a folder in the layout of the ONNX backend suite.
public struct VerificationSuite: Sendable {
  public let model: Model
  public let cases: [RecordedCase]

  /// - Parameters:
  ///   - path: A model file, or a folder with `model.onnx` or `model.zoo` and folders `test_data_set_0`, … that hold
  ///     `input_0.pb`, `output_0.pb`, ….
  ///   - absolute: Tolerance of cases from folders that have no `data.json` with `atol` and `rtol`; recorded ones carry
  ///     their own.
  ///   - relative: Likewise, relative to the expected value.
  ///   - throughZoo: Whether the model is converted to the `.zoo` format and back first.
  ///   - limits: What reading `path` may spend, if it is a file.
  ///   - formats: What files the model may be in.
  public init(
    _ path: String, absolute: Double = 1e-7, relative: Double = 1e-3, throughZoo: Bool = false,
    limits: ReadLimits = .default, formats: ModelFileFormats = .builtIn
  ) throws(ModelError) {
    let file = Self.modelFile(path)
    let model = try Model(
      contentsOf: file, limits: file == path ? limits : .default, formats: formats)
    self.model = throughZoo ? try Self.converted(model) : model
    if file == path {
      cases = model.cases
    } else {
      cases = try Self.readCases(path, model, absolute, relative)
    }
  }

  /// A model that is open already, with the cases recorded in it.
  public init(_ model: Model, throughZoo: Bool = false) throws(ModelError) {
    self.model = throughZoo ? try Self.converted(model) : model
    cases = model.cases
  }

  /// The model's file in a folder; the path itself if it is no such folder.
  private static func modelFile(_ path: String) -> String {
    for name in ["model.onnx", "model.zoo"] {
      let candidate = "\(path)/\(name)"
      if FileManager.default.fileExists(atPath: candidate) { return candidate }
    }
    return path
  }

  /// The folders with a model below a folder that has none itself, such as `node/` of the ONNX backend suite, in the order
  /// of their names; `path` alone if there are none.
  public static func folders(in path: String) -> [String] {
    guard modelFile(path) == path else { return [path] }
    let entries = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    let folders = entries.sorted().map { path.hasSuffix("/") ? path + $0 : "\(path)/\($0)" }
    let found = folders.filter { modelFile($0) != $0 }
    return found.isEmpty ? [path] : found
  }

  private static func converted(_ model: Model) throws(ModelError) -> Model {
    let path = TemporaryPath.unique(extension: "zoo")
    defer { try? FileManager.default.removeItem(atPath: path) }
    try model.write(to: path)
    var converted = try Model(contentsOf: path)
    converted.fileName = model.fileName
    return converted
  }

  private static func readCases(
    _ folder: String, _ model: Model, _ absolute: Double, _ relative: Double
  ) throws(ModelError) -> [RecordedCase] {
    let entries = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    let tolerances = try Tolerances(folder: folder)
    var cases: [RecordedCase] = []
    for name in entries.sorted() where name.hasPrefix("test_data_set_") {
      let data = "\(folder)/\(name)"
      cases.append(
        RecordedCase(
          name: name, inputs: try read(data, "input", model, model.main.inputs),
          outputs: try read(data, "output", model, model.main.outputs),
          absolute: tolerances?.atol ?? absolute, relative: tolerances?.rtol ?? relative))
    }
    return cases
  }

  private static func read(
    _ folder: String, _ kind: String, _ model: Model, _ values: [ValueID]
  ) throws(ModelError) -> [NamedValue] {
    var read: [NamedValue] = []
    for (index, value) in values.enumerated() {
      let path = "\(folder)/\(kind)_\(index).pb"
      guard FileManager.default.fileExists(atPath: path) else { continue }
      let info = model[value]
      read.append(NamedValue(info.name, try ValueFile.read(path, as: info.type).value))
    }
    return read
  }
}

/// `data.json` beside a model, as ONNX's model tests have it.
private struct Tolerances: Decodable {
  let atol: Double?
  let rtol: Double?

  init?(folder: String) throws(ModelError) {
    let path = "\(folder)/data.json"
    guard let bytes = FileManager.default.contents(atPath: path) else { return nil }
    do {
      self = try JSONDecoder().decode(Tolerances.self, from: bytes)
    } catch {
      throw ModelError(
        .malformed, "data.json is not readable", expected: "JSON with numbers 'atol' and 'rtol'",
        at: .init(file: path))
    }
  }
}

enum TemporaryPath {
  static func unique(extension ending: String) -> String {
    let folder = FileManager.default.temporaryDirectory.path
    return "\(folder)/\(UUID().uuidString).\(ending)"
  }
}
