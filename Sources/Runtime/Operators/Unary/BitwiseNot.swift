/// `Not` and `BitwiseNot`.
///
/// |        | name | shape        | element types |
/// |--------|------|--------------|---------------|
/// | input  | `x`  | any          | `bool` (`Not`), integers of 8 to 64 bits (`BitwiseNot`) |
/// | output | `y`  | shape of `x` | type of `x`   |
///
/// Source: ONNX `Not`, opset 1; `BitwiseNot`, opset 18.
struct BitwiseNot: TensorOperator {
  let isLogical: Bool

  init(logical node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1)
    isLogical = true
  }

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1)
    isLogical = false
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    [.tensor(try inputs.tensor(0, of: isLogical ? [.bool] : ElementType.integers))]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let bytes = try io.input(0).byteCount
    let mask: UInt8 = isLogical ? 1 : 0xFF
    return Kernel(isLogical ? "not" : "bitwise_not", reuses: [0: 0]) { context in
      let x = context.input(0, as: UInt8.self)
      let y = context.output(as: UInt8.self)
      for i in 0..<bytes { y[i] = x[i] ^ mask }
    }
  }
}
