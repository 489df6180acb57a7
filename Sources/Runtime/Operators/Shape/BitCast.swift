/// `BitCast`: the same bits as elements of another type of the same width.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `input` | any | any but `string` |
/// | output | `output` | of `input` | attribute `to` |
///
/// Source: ONNX `BitCast`, opset 26.
struct BitCast: TensorOperator {
  private let target: ElementType

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1)
    target = try node.elementType("to")
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let type = try inputs.tensor(0)
    guard type.element.bitWidth == target.bitWidth, target != .string else {
      throw ModelError(
        .elementTypeMismatch, "the bits of \(type.element) as \(target)",
        expected: "elements of \(type.element.bitWidth) bits")
    }
    return [.tensor(target, type.shape)]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let bytes = try io.input(0).byteCount
    return Kernel("bit_cast", reuses: [0: 0]) { context in
      let (from, to) = (context.inputBytes(0), context.outputBytes())
      if from != UnsafeRawPointer(to) { to.copyMemory(from: from, byteCount: bytes) }
    }
  }
}
