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
      let start = pool.count
      try pool.append(tensor)
      let ordinals = (start..<pool.count).map(Int64.init)
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

/// Elements by ordinal: strings, or small integers taken from shared bytes.
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
    type = tensor.elementType
    if let more = tensor.strings { strings += more } else { codes += try tensor.unpackedCodes() }
  }

  func tensor(_ ordinals: Tensor) throws(ModelError) -> Tensor {
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

// Elements that share bytes, one code a byte.
extension Tensor {
  /// The bit patterns of packed elements, one a byte, upper bits zero.
  public func unpackedCodes() throws(ModelError) -> [UInt8] {
    let width = elementType.bitWidth
    guard elementType.isPacked else {
      throw ModelError(
        .elementTypeMismatch, "a tensor of \(elementType)", expected: "2-bit or 4-bit elements")
    }
    let perByte = 8 / width
    let mask = UInt8((1 << width) - 1)
    return try withBytes { (bytes) throws(ModelError) in
      (0..<count).map { (bytes[$0 / perByte] >> UInt8($0 % perByte * width)) & mask }
    }
  }

  /// A tensor of packed elements from their bit patterns, one a byte.
  public init(_ elementType: ElementType, codes: [UInt8], shape: [Int]) throws(ModelError) {
    let width = elementType.bitWidth
    let expected = try Tensor.count(of: shape)
    guard elementType.isPacked, codes.count == expected else {
      throw ModelError(
        .shapeMismatch, "\(codes.count) codes for a tensor \(elementType) \(shape)",
        expected: "\(expected) codes of a 2-bit or 4-bit type")
    }
    let perByte = 8 / width
    let mask = UInt8((1 << width) - 1)
    try self.init(elementType, shape: shape) { (bytes) throws(ModelError) in
      for index in bytes.indices { bytes[index] = 0 }
      for (index, code) in codes.enumerated() {
        bytes[index / perByte] |= (code & mask) << UInt8(index % perByte * width)
      }
    }
  }
}
