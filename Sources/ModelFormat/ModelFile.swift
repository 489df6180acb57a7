/// A way of keeping models in files. Plugins add their own; `.zoo` and ONNX are ``ModelFileFormats/builtIn``.
public protocol ModelFileFormat: Sendable {
  /// What people call it: `zoo`, `onnx`.
  var name: String { get }
  /// Endings of file names, in lower case and without the dot.
  var fileExtensions: [String] { get }
  /// Whether a file with this content is of this format.
  func recognizes(_ bytes: UnsafeRawBufferPointer) -> FormatRecognition
  /// - Throws: `ModelError` on any bytes that are no model of this format; never crashes, never spends more than
  ///   `limits`.
  func read(_ file: MappedFile, limits: ReadLimits) throws(ModelError) -> Model
  /// Writes so that afterwards the file at `path` is either complete or what it was before.
  func write(_ model: Model, to path: String, options: WriteOptions) throws(ModelError)
}

/// What the first look at a file says.
public enum FormatRecognition: Sendable {
  case no
  /// Nothing speaks against it, but the format has no mark that proves it.
  case maybe
  case yes
}

/// How much time a writer may spend on small files.
public enum CompressionLevel: String, Sendable, CaseIterable {
  case fast
  case `default`
  case max
}

/// How to write a model.
public struct WriteOptions: Sendable {
  public var level: CompressionLevel

  public init(level: CompressionLevel = .default) { self.level = level }
}

/// The formats that a program reads and writes.
public struct ModelFileFormats: Sendable {
  public private(set) var formats: [any ModelFileFormat]

  public init(_ formats: [any ModelFileFormat]) { self.formats = formats }

  public static let builtIn = ModelFileFormats([ZooFormat(), ONNXFormat()])

  /// The format of a file: the one whose mark it bears, else the one of its extension, else one without a mark that
  /// nothing speaks against.
  ///
  /// - Throws: `.malformed` if there is none.
  public func format(of file: MappedFile) throws(ModelError) -> any ModelFileFormat {
    let looks = formats.map { ($0, $0.recognizes(file.bytes)) }
    if let (format, _) = looks.first(where: { $0.1 == .yes }) { return format }
    if let path = file.path, let format = format(forExtensionOf: path) { return format }
    if let (format, _) = looks.first(where: { $0.1 == .maybe }) { return format }
    throw ModelError(
      .malformed, "\(file.bytes.count) bytes that are no model of a known format",
      expected: formats.map(\.name).joined(separator: " or "))
  }

  /// The format in which to write a file of that name, `nil` if its extension belongs to none.
  public func format(forExtensionOf path: String) -> (any ModelFileFormat)? {
    let name = path.split(separator: "/").last ?? ""
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count > 1, let ending = parts.last?.lowercased() else { return nil }
    return formats.first { $0.fileExtensions.contains(ending) }
  }
}

extension Model {
  /// Reads a model file; its content decides of which format it is.
  ///
  ///     let model = try Model(contentsOf: "minilm.zoo")
  ///
  /// Weights stay views of the mapped file and are decoded when they are asked for: the file must not be changed in
  /// place while the model is in use (replacing it is safe). A pipe, if `limits` allow one, is read to its end
  /// first; it has no folder in which external data could lie.
  ///
  /// - Throws: `.fileAccess`, `.malformed`, `.corrupted`, `.unsupportedVersion`, `.limitExceeded` or `.invalidGraph`.
  public init(
    contentsOf path: String, limits: ReadLimits = .default, formats: ModelFileFormats = .builtIn
  ) throws(ModelError) {
    let file = try MappedFile(path: path, pipeLimit: limits.pipeBytes)
    do {
      self = try formats.format(of: file).read(file, limits: limits)
      try validate(limits: limits)
    } catch {
      throw error.at(file: path)
    }
    fileName = path
  }

  /// Reads a model from memory.
  public init(
    bytes: [UInt8], limits: ReadLimits = .default, formats: ModelFileFormats = .builtIn
  ) throws(ModelError) {
    try self.init(MappedFile(copying: bytes), limits: limits, formats: formats)
  }

  /// Reads a model from bytes that stay where they are: nothing is copied that the file holds as it is needed.
  public init(
    _ file: MappedFile, limits: ReadLimits = .default, formats: ModelFileFormats = .builtIn
  ) throws(ModelError) {
    self = try formats.format(of: file).read(file, limits: limits)
    try validate(limits: limits)
  }

  /// Writes a model file in the format that the extension of `path` names. The file appears complete or not at all;
  /// the same model and options always give the same bytes.
  ///
  /// - Throws: `.invalidRequest` if no format has that extension, `.fileAccess` if the file cannot be written.
  public func write(
    to path: String, options: WriteOptions = WriteOptions(), formats: ModelFileFormats = .builtIn
  ) throws(ModelError) {
    guard let format = formats.format(forExtensionOf: path) else {
      let endings = formats.formats.flatMap(\.fileExtensions).map { "." + $0 }
      throw ModelError(
        .invalidRequest, "a file name whose extension belongs to no format",
        expected: endings.joined(separator: " or "), at: .init(file: path))
    }
    do {
      try format.write(self, to: path, options: options)
    } catch {
      throw error.at(file: path)
    }
  }
}
