/// `ReverseSequence`: turns the first elements of each sequence of a batch round.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `input` | rank ≥ 2 | any |
/// | input  | `sequence_lens` | `[batch]` | `i64`: how many elements to turn round |
/// | output | `Y`  | of `input` | type of `input` |
/// | attr   | `time_axis`, `batch_axis` | | 0 and 1 (defaults), or 1 and 0 |
///
/// Source: ONNX `ReverseSequence`, opset 10.
struct ReverseSequence: DataMovement {
  let timeAxis: Int
  let batchAxis: Int

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 2...2)
    timeAxis = try node.int("time_axis", default: 0)
    batchAxis = try node.int("batch_axis", default: 1)
    guard Set([timeAxis, batchAxis]) == [0, 1] else {
      throw ModelError(
        .invalidAttribute, "time axis \(timeAxis), batch axis \(batchAxis)", expected: "0 and 1")
    }
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let type = try inputs.tensor(0)
    _ = try inputs.tensor(1, of: [.i64])
    if let shape = type.shape, shape.rank < 2 {
      throw ModelError(.shapeMismatch, "a tensor \(shape)", expected: "rank 2 or more")
    }
    return [.tensor(type)]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let x = try io.input(0)
    let strides = rowMajorStrides(x.shape)
    let (time, batch) = (x.shape[timeAxis], x.shape[batchAxis])
    let bytes = x.shape[2...].reduce(1, *) * x.element.byteWidth
    let block = x.shape[2...].reduce(1, *)
    // An axis of extent 0 leaves nothing to move.
    let step = block == 0 ? 0 : strides[timeAxis] / block
    let row = block == 0 ? 0 : strides[batchAxis] / block
    return Kernel("reverse_sequence") { (context) throws(ModelError) in
      let lengths = context.input(1, as: Int64.self)
      for b in 0..<batch {
        let length = Int(lengths[b])
        guard length >= 0, length <= time else {
          throw ModelError(
            .outOfRange, "sequence \(b) of length \(length)", expected: "0 ... \(time)")
        }
        for t in 0..<time {
          let source = t < length ? length - 1 - t : t
          copyElement(
            context.outputBytes() + (t * step + b * row) * bytes,
            context.inputBytes(0) + (source * step + b * row) * bytes, bytes)
        }
      }
    }
  }
}
