import CKernels

extension Tensor {
  /// A tensor of numbers of 8 to 64 bits, each the nearest to one of `values`, integers cut towards zero.
  init(_ element: ElementType, doubles values: [Double], shape: [Int]) throws(ModelError) {
    let type = try element.requireScalar()
    let count = try Tensor.count(of: shape)
    guard count == values.count else {
      throw ModelError(
        .shapeMismatch, "\(values.count) elements for shape \(shape)",
        expected: "\(count) elements")
    }
    try self.init(element, shape: shape) { bytes in
      guard let to = bytes.baseAddress else { return }
      zoo_cast(values, zoo_f64, to, type, count)
    }
  }

  /// One element of a type, made from a float; types that no float becomes are zero.
  static func filled(_ element: ElementType, _ value: Float) throws(ModelError) -> Tensor {
    switch element {
    case .f32: try Tensor([value], shape: [])
    case .f64: try Tensor([Double(value)], shape: [])
    case .f16: try Tensor([Float16(value)], shape: [])
    case .bf16: try Tensor([BFloat16(value)], shape: [])
    case .i64: try Tensor([Int64(exactly: value.rounded(.towardZero)) ?? 0], shape: [])
    case .i32: try Tensor([Int32(exactly: value.rounded(.towardZero)) ?? 0], shape: [])
    default: try zeros(element, shape: [])
    }
  }

  /// The elements of a tensor of numbers of 8 to 64 bits as another such type.
  package func converted(to element: ElementType) throws(ModelError) -> Tensor {
    if element == elementType { return self }
    let (from, to) = (try elementType.requireScalar(), try element.requireScalar())
    return try withBytes { (source) throws(ModelError) in
      try Tensor(element, shape: shape) { bytes in
        guard let target = bytes.baseAddress, let source = source.baseAddress else { return }
        zoo_cast(source, from, target, to, count)
      }
    }
  }

  /// A tensor of copies of one element, whatever its type.
  static func repeating(_ element: Tensor, shape: [Int]) throws(ModelError) -> Tensor {
    if let string = element.strings?.first {
      return try Tensor(
        strings: Array(repeating: string, count: try count(of: shape)), shape: shape)
    }
    if element.elementType.isPacked {
      let code = try element.unpackedCodes().first ?? 0
      return try Tensor(
        element.elementType, codes: Array(repeating: code, count: try count(of: shape)),
        shape: shape)
    }
    return try element.withBytes { (source) throws(ModelError) in
      try Tensor(element.elementType, shape: shape) { bytes in
        guard let from = source.baseAddress, let to = bytes.baseAddress else { return }
        let width = element.elementType.byteWidth
        zoo_fill(to, from, Int64(bytes.count / width), Int64(width))
      }
    }
  }
}
