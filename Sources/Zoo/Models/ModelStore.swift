import LibC
import ModelFormat

/// Opens models by name or path.
public struct ModelStore: Sendable {
  public var registry: PluginRegistry
  public var limits: ReadLimits

  public init(registry: PluginRegistry = .standard, limits: ReadLimits = .default) {
    self.registry = registry
    self.limits = limits
  }

  /// A model together with the name of its task.
  public struct Entry: Sendable {
    public var model: Model
    /// `nil` if only the model itself can tell.
    public var task: String?
    /// Where its file or folder is; `nil` for an embedded model.
    public var path: String?
  }

  /// Opens what `reference` names: a registered name (`digits`), a registered name with the path of its weights
  /// (`sentence-embedding:minilm/`), or the path of a model file or folder.
  ///
  /// A registered name comes first; write `./digits` for a file of that name.
  ///
  /// - Throws: `.invalidRequest` for a name that needs a path, `.fileAccess` if there is no such file, or whatever is
  ///   wrong with it.
  public func open(_ reference: String) throws(ModelError) -> Entry {
    let parts = reference.split(separator: ":", maxSplits: 1).map(String.init)
    if let name = parts.first, let known = registry.model(name) {
      let path = parts.count > 1 ? parts[1] : nil
      if path != nil || reference == name {
        return Entry(model: try known.open(path, self), task: known.task, path: path)
      }
    }
    return Entry(model: try open(path: reference), task: nil, path: reference)
  }

  /// Opens a file of any registered format, or a folder: a checkpoint (`config.json`, `model.safetensors`) or a model
  /// with its assets beside it (`model.onnx` or `model.zoo`, `card.json`, …).
  public func open(path: String) throws(ModelError) -> Model {
    if FilePath.isFolder(path) { return try ModelFolder(path: path, store: self).open() }
    do throws(ModelError) {
      return try Model(contentsOf: path, limits: limits, formats: registry.formats)
    } catch {
      guard error.code == .fileAccess, !path.contains("/"), !path.contains(".") else { throw error }
      throw ModelError(
        .fileAccess, "no file and no registered model '\(path)'",
        expected: registry.models.map(\.name).joined(separator: ", ") + " or a path")
    }
  }
}

/// Names of files and what is there.
enum FilePath {
  static func isFolder(_ path: String) -> Bool { status(path) == S_IFDIR }
  static func isFile(_ path: String) -> Bool { status(path) == S_IFREG }

  static func join(_ folder: String, _ name: String) -> String {
    folder.hasSuffix("/") ? folder + name : "\(folder)/\(name)"
  }

  /// The folder of a file.
  static func parent(_ path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// The name of a file without its folder and its last extension.
  static func stem(_ path: String) -> String {
    let name = path.split(separator: "/").last.map(String.init) ?? path
    guard let dot = name.lastIndex(of: "."), dot != name.startIndex else { return name }
    return String(name[..<dot])
  }

  private static func status(_ path: String) -> mode_t? {
    var status = stat()
    return stat(path, &status) == 0 ? status.st_mode & S_IFMT : nil
  }

  /// The contents of a file of at most `limit` bytes.
  static func bytes(_ path: String, limit: Int = 64 << 20) throws(ModelError) -> [UInt8] {
    let file = try MappedFile(path: path)
    guard file.bytes.count <= limit else {
      throw ModelError(
        .limitExceeded, "a file of \(file.bytes.count) bytes", expected: "at most \(limit)",
        at: .init(file: path))
    }
    return withExtendedLifetime(file) { Array(file.bytes) }
  }
}
