/// `BitCast`: the same bits taken for elements of another type of the same width.
///
/// |        | name | shape        | element types |
/// |--------|------|--------------|---------------|
/// | input  | `x`  | any          | all but strings |
/// | output | `y`  | shape of `x` | `to` |
///
/// Source: ONNX `BitCast`, opset 26.
struct BitCast: TensorOperator {
  let target: ElementType

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1)
    target = try node.elementType("to")
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let x = try inputs.tensor(0)
    guard x.element.bitWidth == target.bitWidth, target != .string else {
      throw ModelError(
        .elementTypeMismatch, "\(x.element) elements taken for \(target)",
        expected: "a type of \(x.element.bitWidth) bits")
    }
    return [.tensor(target, x.shape)]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let bytes = try io.input(0).byteCount
    return Kernel("bit_cast", reuses: [0: 0]) { context in
      let (x, y) = (context.inputBytes(0), context.outputBytes())
      if x != UnsafeRawPointer(y) { y.copyMemory(from: x, byteCount: bytes) }
    }
  }
}
