/// `Trilu`: the upper or the lower triangle of each matrix; all other elements are 0.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `input` | `[…, N, M]` | any |
/// | input  | `k`, optional | `[]` | `i64`: the first (upper) or last (lower) diagonal kept, default 0 |
/// | output | `output` | of `input` | type of `input` |
/// | attr   | `upper` | | default 1 |
///
/// Source: ONNX `Trilu`, opset 14.
struct Trilu: DataMovement {
  let keepsUpper: Bool

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...2)
    keepsUpper = try node.bool("upper", default: true)
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let type = try inputs.tensor(0)
    if inputs.has(1) { _ = try inputs.tensor(1, of: [.i64]) }
    if let shape = type.shape, shape.rank < 2 {
      throw ModelError(.shapeMismatch, "a tensor \(shape)", expected: "rank 2 or more")
    }
    return [.tensor(type)]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let x = try io.input(0)
    let (rows, columns) = (x.shape[x.rank - 2], x.shape[x.rank - 1])
    let (matrices, width) = (x.shape.dropLast(2).reduce(1, *), x.element.byteWidth)
    let (hasDiagonal, keepsUpper) = (io.has(1), keepsUpper)
    return Kernel("trilu") { context in
      let given = hasDiagonal ? context.input(1, as: Int.self)[0] : 0
      let diagonal = min(max(given, -rows), columns)
      for row in 0..<matrices * rows {
        // Columns below `cut` belong to the lower triangle, those from it on to the upper one.
        let first = row % max(1, rows) + diagonal + (keepsUpper ? 0 : 1)
        let cut = min(max(first, 0), columns)
        let kept = keepsUpper ? cut..<columns : 0..<cut
        let dropped = keepsUpper ? 0..<cut : cut..<columns
        let start = row * columns
        let y = context.outputBytes()
        (y + (start + kept.lowerBound) * width).copyMemory(
          from: context.inputBytes(0) + (start + kept.lowerBound) * width,
          byteCount: kept.count * width)
        (y + (start + dropped.lowerBound) * width).initializeMemory(
          as: UInt8.self, repeating: 0, count: dropped.count * width)
      }
    }
  }
}
