/// Reads ONNX models: IR versions 1 ... 14, ONNX's own operator sets 1 ... 28, other domains at any version.
///
/// The protobuf is read where it lies in the mapped file. Weights stay views of the file, or of the files that hold
/// external data, and are decoded when they are asked for. Fields that change nothing of what a model computes are
/// skipped: training information, quantization annotations, device configurations, denotations, and documentation of
/// tensors and attributes.
///
/// Source: `onnx.proto` and ONNX's `IR.md`, IR version 14.
package enum ONNXReader {
  package static let irVersions = 1...14
  package static let opsets = 1...28

  /// - Throws: `.malformed`, `.unsupportedVersion`, `.limitExceeded` or `.invalidGraph`, with the byte offset and the
  ///   field path; `.fileAccess` if external data is missing.
  package static func read(
    _ file: MappedFile, limits: ReadLimits = .default
  ) throws(ModelError) -> Model {
    if let alien = AlienFile(file.bytes) { throw alien.error.at(file: file.path) }
    var reader = ONNXModelReader(file, limits: limits)
    do {
      try reader.read()
    } catch {
      throw error.located(in: file, message: "ModelProto")
    }
    var model = reader.model
    model.fileName = file.path
    try model.sortNodes()
    withExtendedLifetime(file) {}
    return model
  }
}

extension WireError {
  /// The error with its file, and with the field path and byte offset as its operand.
  func located(in file: MappedFile, message: String) -> ModelError {
    let path = ONNXSchema.path(to: offset, in: file.bytes, message: message)
    let place = path.isEmpty ? "byte \(offset)" : "\(path) (byte \(offset))"
    return error.at(file: file.path, operand: place)
  }
}

/// The state of reading one model.
struct ONNXModelReader {
  let file: MappedFile
  var model = Model(irVersion: 0, opsets: [])
  /// Reads tensors and keeps the budget.
  var tensors: ONNXTensorReader

  init(_ file: MappedFile, limits: ReadLimits) {
    self.file = file
    model.graphs = []
    tensors = ONNXTensorReader(
      file: file, externalFiles: ExternalFiles(modelPath: file.path), budget: ReadBudget(limits))
  }

  mutating func charge(
    _ offset: Int, _ body: (inout ReadBudget) throws(ModelError) -> Void
  ) throws(WireError) {
    do { try body(&tensors.budget) } catch { throw WireError(offset, error) }
  }

  mutating func read() throws(WireError) {
    let root = WireMessage(file.bytes)
    var graphs: [WireMessage] = []
    var functions: [WireMessage] = []
    var opsets = OpsetTable()
    var cursor = root
    while let field = try cursor.next() {
      switch field.number {
      case 1: try readVersion(field)
      case 2: model.producerName = try field.text()
      case 3: model.producerVersion = try field.text()
      case 4: model.domain = try field.text()
      case 5: model.version = try field.int64()
      case 6: model.documentation = try field.text()
      case 7:
        try field.requireFirst(graphs.isEmpty)
        graphs.append(try field.message())
      case 8: try appendOpset(field, to: &opsets)
      case 14: model.metadata.append(try metadata(field))
      case 25: functions.append(try field.message())
      default: break
      }
    }
    guard model.irVersion > 0, let graph = graphs.first else {
      throw WireError(
        0, "a message without \(model.irVersion > 0 ? "a graph" : "an IR version")",
        expected: "an ONNX model", remedy: "check that the file is a model, not a tensor")
    }
    model.opsets = opsets.imports
    if model.opsets.isEmpty {
      guard model.irVersion < 3 else {
        throw WireError(0, "a model that imports no operator set", expected: "opset_import")
      }
      model.opsets = [OpsetImport("", 1)]
    }
    _ = try self.graph(graph, parent: nil, depth: 1)
    for function in functions { model.functions.append(try self.function(function)) }
  }

  private mutating func readVersion(_ field: WireField) throws(WireError) {
    let version = try field.int64()
    guard version <= ONNXReader.irVersions.upperBound else {
      throw WireError(
        field.tag, .unsupportedVersion, "IR version \(version)",
        expected: "\(ONNXReader.irVersions.lowerBound) ... \(ONNXReader.irVersions.upperBound)",
        remedy: "export the model with an older version of ONNX")
    }
    guard version > 0 else {
      throw WireError(field.tag, "IR version \(version)", expected: "1 or more")
    }
    model.irVersion = Int(version)
  }

  mutating func appendOpset(
    _ field: WireField, to opsets: inout OpsetTable
  ) throws(WireError) {
    var cursor = try field.message()
    var opset = OpsetImport("", 0)
    while let field = try cursor.next() {
      switch field.number {
      case 1: opset.domain = try field.string()
      case 2: opset.version = Int(try field.int64())
      default: break
      }
    }
    let domain = Model.canonical(opset.domain)
    guard opset.version > 0 else {
      throw WireError(field.tag, "operator set version \(opset.version)", expected: "1 or more")
    }
    guard !domain.isEmpty || opset.version <= ONNXReader.opsets.upperBound else {
      throw WireError(
        field.tag, .unsupportedVersion, "ONNX operator set \(opset.version)",
        expected: "\(ONNXReader.opsets.lowerBound) ... \(ONNXReader.opsets.upperBound)",
        remedy: "export the model with an older operator set")
    }
    if let version = opsets.versions.updateValue(opset.version, forKey: domain) {
      guard version == opset.version else {
        throw WireError(
          field.tag, .invalidGraph,
          "operator set '\(domain)' imported as \(version) and as \(opset.version)",
          expected: "one version of each domain")
      }
      return
    }
    try charge(field.tag) { (budget) throws(ModelError) in
      try budget.graph(MemoryLayout<OpsetImport>.stride + field.count)
    }
    opsets.imports.append(opset)
  }
}

/// The operator sets that a model or function imports, each once.
struct OpsetTable {
  var imports: [OpsetImport] = []
  var versions: [String: Int] = [:]
}
