// Data movement of strings and of elements that share bytes.
extension OperatorCall {
  /// Runs a data movement with each string or packed element replaced by its ordinal among all of them, then puts
  /// the elements in their ordinals' places.
  func move(_ inputs: [Value?]) throws(ModelError) -> [Value] {
    var pool = ElementPool()
    var substitutes: [Value?] = []
    for input in inputs {
      guard let tensor = input?.tensor, pool.takes(tensor.elementType) else {
        substitutes.append(input)
        continue
      }
      try pool.append(tensor)
      let ordinals = (pool.count - tensor.count..<pool.count).map(Int64.init)
      substitutes.append(.tensor(try Tensor(ordinals, shape: tensor.shape)))
    }
    let moved = try evaluate(substitutes)
    var outputs: [Value] = []
    for output in moved {
      guard let ordinals = output.tensor, ordinals.elementType == .i64 else {
        outputs.append(output)
        continue
      }
      outputs.append(.tensor(try pool.tensor(ordinals)))
    }
    return outputs
  }
}

/// Elements by ordinal: strings, or small integers taken from shared bytes. Ordinal 0 is the empty or zero element,
/// so that a kernel that writes zeros of its own writes those.
private struct ElementPool {
  private var type: ElementType?
  private var strings: [String] = []
  private var codes: [UInt8] = []

  var count: Int { type == .string ? strings.count : codes.count }

  func takes(_ element: ElementType) -> Bool { element == .string || element.isPacked }

  mutating func append(_ tensor: Tensor) throws(ModelError) {
    if let type, type != tensor.elementType {
      throw ModelError(
        .elementTypeMismatch, "tensors of \(type) and of \(tensor.elementType)",
        expected: "one element type")
    }
    if type == nil {
      strings = [""]
      codes = [0]
    }
    type = tensor.elementType
    if let more = tensor.strings { strings += more } else { codes += try tensor.unpackedCodes() }
  }

  func tensor(_ ordinals: Tensor) throws(ModelError) -> Tensor {
    let element = type == .string ? MemoryLayout<String>.stride : 1
    try TensorMemory.require(ordinals.count * (MemoryLayout<Int>.stride + element))
    let indices = try ordinals.array(of: Int.self)
    guard let type, indices.allSatisfy({ $0 >= 0 && $0 < count }) else {
      throw ModelError(.elementTypeMismatch, "an output that is made of more than the inputs")
    }
    if type == .string {
      return try Tensor(strings: indices.map { strings[$0] }, shape: ordinals.shape)
    }
    return try Tensor(type, codes: indices.map { codes[$0] }, shape: ordinals.shape)
  }
}
