/// `BitShift`: shifts the bits of each element; the right shift of a signed integer copies its sign.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `x`  | any   | unsigned integers; since opset 28 also signed ones |
/// | input  | `y`  | broadcast with `x` | type of `x` |
/// | output | `z`  | both, broadcast | type of `x` |
/// | attr   | `direction` |  | `LEFT` or `RIGHT` |
///
/// A negative shift, or one by the width or more, leaves what the sign fills in: 0, or −1 for a right shift of a
/// negative element. Source: ONNX `BitShift`, opsets 11, 28.
struct BitShift: TensorOperator {
  let isLeft: Bool
  let elements: Set<ElementType>

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 2...2)
    let direction = try node.string("direction")
    guard direction == "LEFT" || direction == "RIGHT" else {
      throw ModelError(
        .invalidAttribute, "attribute 'direction' is '\(direction)'", expected: "'LEFT' or 'RIGHT'")
    }
    isLeft = direction == "LEFT"
    elements = node.opset < 28 ? [.u8, .u16, .u32, .u64] : ElementType.integers
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let x = try inputs.tensor(0, of: elements)
    let y = try inputs.tensor(1, of: [x.element])
    return [.tensor(x.element, try Shape.broadcast([x.shape, y.shape]))]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let x = try io.input(0)
    let shapes = [x.shape, try io.input(1).shape]
    let broadcast = Broadcast(shapes, to: try io.output().shape)
    return try x.element.visitInteger(Loop(isLeft: isLeft, broadcast: broadcast))
  }

  private struct Loop: IntegerVisitor {
    let isLeft: Bool
    let broadcast: Broadcast

    func visit<T: IntegerElement>(_ type: T.Type) -> Kernel {
      let (isLeft, broadcast, strides) = (isLeft, broadcast, broadcast.innerStrides)
      return Kernel("bit_shift_\(T.elementType)") { context in
        let x = context.input(0, as: T.self)
        let y = context.input(1, as: T.self)
        let z = context.output(as: T.self)
        broadcast.forEachPiece(context) { at, offsets, count in
          for i in 0..<count {
            let (v, shift) = (x[offsets[0] + i * strides[0]], y[offsets[1] + i * strides[1]])
            let isWide = shift < 0 || shift >= T.bitWidth
            // Swift's own shifts turn round for negative counts and stop at the width.
            z[at + i] =
              isLeft ? (isWide ? 0 : v << shift) : v >> (isWide ? T(T.bitWidth - 1) : shift)
            if isWide, !isLeft, v >= 0 { z[at + i] = 0 }
          }
        }
      }
    }
  }
}
