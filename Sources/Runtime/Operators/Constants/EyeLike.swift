/// `EyeLike`: ones along a diagonal of a matrix of the input's shape, zeros elsewhere.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `input` | `[N, M]` | any      |
/// | output | `output` | `[N, M]` | numbers or `bool` |
/// | attr   | `k`, `dtype` | | the diagonal, default 0; default the input's type |
///
/// Source: ONNX `EyeLike`, opsets 9 and 22.
struct EyeLike: TensorOperator {
  private let diagonal: Int
  private let element: ElementType?

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1)
    diagonal = try node.int("k", default: 0)
    element = node.has("dtype") ? try node.elementType("dtype") : nil
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let type = try inputs.tensor(0)
    if let shape = type.shape, shape.rank != 2 {
      throw ModelError(.shapeMismatch, "a tensor \(shape)", expected: "a matrix")
    }
    return [.tensor(element ?? type.element, type.shape)]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let output = try io.output()
    let one = try Tensor.one(output.element)
    let (rows, columns, diagonal) = (output.shape[0], output.shape[1], diagonal)
    let width = output.element.byteWidth
    return Kernel("eye") { (context) throws(ModelError) in
      let y = context.outputBytes()
      y.initializeMemory(as: UInt8.self, repeating: 0, count: rows * columns * width)
      try one.withBytes { source in
        guard let source = source.baseAddress else { return }
        for row in 0..<rows {
          let (column, overflow) = row.addingReportingOverflow(diagonal)
          guard !overflow, column >= 0, column < columns else { continue }
          copyElement(y + (row * columns + column) * width, source, width)
        }
      }
    }
  }
}

extension Tensor {
  /// The number 1, or `true`.
  static func one(_ element: ElementType) throws(ModelError) -> Tensor {
    switch element {
    case .f32, .f64, .f16, .bf16, .i64, .i32: return try filled(element, 1)
    case .i16: return try Tensor([Int16(1)], shape: [])
    case .i8: return try Tensor([Int8(1)], shape: [])
    case .u8: return try Tensor([UInt8(1)], shape: [])
    case .u16: return try Tensor([UInt16(1)], shape: [])
    case .u32: return try Tensor([UInt32(1)], shape: [])
    case .u64: return try Tensor([UInt64(1)], shape: [])
    case .bool: return try Tensor([true], shape: [])
    default:
      throw ModelError(.elementTypeMismatch, "a one of \(element)", expected: "numbers or bool")
    }
  }
}
