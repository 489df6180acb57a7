import LibC

/// Writes ONNX models. The same model gives the same bytes; one weight at a time is in memory.
///
/// Protobuf readers refuse messages of 2 GB, so a larger model's tensors go to `NAME.data` beside it. Assets and
/// recorded cases have no place in ONNX and are left out.
package enum ONNXWriter {
  /// The largest message that protobuf readers take.
  package static let messageLimit = Int(Int32.max)

  /// - Parameter limit: Models of more bytes get an external data file.
  /// - Throws: `.fileAccess`; `.invalidGraph` if a table row is outside its table; what decoding a weight throws.
  package static func write(
    _ model: Model, to path: String, limit: Int = messageLimit
  ) throws(ModelError) {
    let whole = try message(model, external: nil).message
    if whole.count <= limit {
      let file = try AtomicFile(replacing: path)
      try whole.write(to: file)
      return try file.commit()
    }
    let name = path.split(separator: "/").last.map(String.init) ?? "model.onnx"
    let (message, plan) = try message(model, external: ExternalDataPlan(fileName: name + ".data"))
    guard message.count <= messageLimit, let plan else {
      throw ModelError(
        .limitExceeded, "\(message.count) bytes of graph without its weights",
        expected: "at most \(messageLimit)", remedy: "write a .zoo file", at: .init(file: path))
    }
    let data = try AtomicFile(replacing: path + ".data")
    let file = try AtomicFile(replacing: path)
    try plan.write(to: data)
    try message.write(to: file)
    // Old graph and new data must never be seen together, so the old model goes first.
    unlink(path)
    try data.commit()
    try file.commit()
  }

  /// The model as one message in memory.
  package static func bytes(_ model: Model) throws(ModelError) -> [UInt8] {
    try message(model, external: nil).message.serialized()
  }

  private static func message(
    _ model: Model, external: ExternalDataPlan?
  ) throws(ModelError) -> (message: WireBuilder, plan: ExternalDataPlan?) {
    var model = model
    model.irVersion = max(model.irVersion, model.minimumIRVersion)
    var writer = ONNXGraphWriter(
      model: model, names: try ONNXNames(model), tensors: ONNXTensorWriter(external: external))
    var message = WireBuilder()
    message.varint(1, Int64(model.irVersion))
    message.text(2, model.producerName)
    message.text(3, model.producerVersion)
    message.text(4, model.domain)
    if model.version != 0 { message.varint(5, model.version) }
    message.text(6, model.documentation)
    message.message(7, try writer.graph(.main))
    for opset in model.opsets { message.message(8, ONNXGraphWriter.opset(opset)) }
    for entry in model.metadata { message.message(14, ONNXTensorWriter.entry(entry)) }
    for function in model.functions { message.message(25, try writer.function(function)) }
    return (message, writer.tensors.external)
  }
}

extension Model {
  /// The first IR version that has what the model uses. Source: the version notes in `onnx.proto`.
  var minimumIRVersion: Int {
    var version = functions.isEmpty ? 1 : 8
    if functions.contains(where: { !$0.overload.isEmpty }) { version = max(version, 10) }
    for graph in graphs {
      if !graph.metadata.isEmpty { version = max(version, 10) }
      for weight in graph.weights.values {
        version = max(version, weight.elementType.minimumIRVersion)
        if weight.source is DensifiedTensor { version = max(version, 5) }
      }
      for node in graph.nodes where !node.metadata.isEmpty || !node.overload.isEmpty {
        version = max(version, 10)
      }
    }
    return version
  }
}

extension ElementType {
  fileprivate var minimumIRVersion: Int {
    switch self {
    case .f8e4m3fn, .f8e4m3fnuz, .f8e5m2, .f8e5m2fnuz: 9
    case .u4, .i4: 10
    case .f4e2m1: 11
    case .f8e8m0: 12
    case .u2, .i2: 13
    case .f6e2m3, .f6e3m2: 14
    default: 1
    }
  }
}
