/// `And`, `Or`, `Xor`, `BitwiseAnd`, `BitwiseOr` and `BitwiseXor`.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `a`  | any   | `bool`; bitwise: integers of 8 to 64 bits |
/// | input  | `b`  | broadcast with `a` | type of `a` |
/// | output | `y`  | both, broadcast | type of `a` |
///
/// Source: ONNX `And`, `Or`, `Xor`, opsets 1, 7; the bitwise ones, opset 18.
struct Logic: TensorOperator {
  enum Function: Sendable { case and, or, xor }

  let function: Function
  let elements: Set<ElementType>
  let legacyAxis: LegacyAxis

  init(_ node: NodeReader, _ function: Function, bitwise: Bool) throws(ModelError) {
    try node.require(inputs: 2...2)
    self.function = function
    elements = bitwise ? ElementType.integers : [.bool]
    legacyAxis = try LegacyAxis(node)
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let a = try inputs.tensor(0, of: elements)
    let b = try inputs.tensor(1, of: [a.element])
    return [
      .tensor(a.element, try Shape.broadcast([a.shape, legacyAxis.align(b.shape, below: a.shape)]))
    ]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let a = try io.input(0)
    let b = legacyAxis.align(try io.input(1).shape, below: a.shape)
    let broadcast = Broadcast([a.shape, b], to: try io.output().shape)
    switch a.element.bitWidth {
    case 8: return kernel(UInt8.self, broadcast)
    case 16: return kernel(UInt16.self, broadcast)
    case 32: return kernel(UInt32.self, broadcast)
    default: return kernel(UInt64.self, broadcast)
    }
  }

  private func kernel<T: FixedWidthInteger & UnsignedInteger & Sendable>(
    _ type: T.Type, _ broadcast: Broadcast
  ) -> Kernel {
    let function = function
    let strides = broadcast.innerStrides
    return Kernel("\(function)_\(T.bitWidth)") { context in
      let a = context.input(0, as: T.self)
      let b = context.input(1, as: T.self)
      let y = context.output(as: T.self)
      broadcast.forEachPiece(context) { at, offsets, count in
        for i in 0..<count {
          let (p, q) = (a[offsets[0] + i * strides[0]], b[offsets[1] + i * strides[1]])
          y[at + i] =
            switch function {
            case .and: p & q
            case .or: p | q
            case .xor: p ^ q
            }
        }
      }
    }
  }
}
