/// `CenterCropPad`: cuts or pads axes around their middle with zeros.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `input_data` | any | any |
/// | input  | `shape` | `[n]`: the new extents | `i32`, `i64` |
/// | output | `output_data` | | type of `input_data` |
/// | attr   | `axes` | | default all |
///
/// What does not come out even goes to the end when padding, and is cut at the end. Source: ONNX `CenterCropPad`,
/// opset 18.
struct CenterCropPad: DataMovement {
  private let axes: [Int]?

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 2...2)
    axes = node.has("axes") ? try node.ints("axes") : nil
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let data = try inputs.tensor(0)
    _ = try inputs.tensor(1, of: [.i32, .i64])
    guard var shape = data.shape else { return [.tensor(data)] }
    let axes = axes ?? Array(0..<shape.rank)
    let extents = inputs.extents(1) ?? axes.map { _ in .unknown }
    guard extents.count == axes.count, extents.allSatisfy({ ($0.value ?? 0) >= 0 }) else {
      throw ModelError(
        .shapeMismatch, "extents \(Shape(extents)) for axes \(axes)", expected: "one ≥ 0 for each")
    }
    for (axis, extent) in zip(axes, extents) { shape[try shape.axis(axis)] = extent }
    return [.tensor(data.element, shape)]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let (x, y) = (try io.input(0), try io.output())
    var move = StridedMove(
      extents: zip(x.shape, y.shape).map { min($0, $1) }, inStrides: rowMajorStrides(x.shape),
      outStrides: rowMajorStrides(y.shape))
    for axis in x.shape.indices {
      let surplus = x.shape[axis] - y.shape[axis]
      if surplus > 0 {
        move.inOffset += surplus / 2 * move.inStrides[axis]
      } else {
        move.outOffset += -surplus / 2 * move.outStrides[axis]
      }
    }
    let planned = try move.planned(x.element.byteWidth)
    let bytes = y.byteCount
    return Kernel("center_crop_pad") { context in
      context.outputBytes().initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
      planned.run(from: context.inputBytes(0), to: context.outputBytes(), context)
    }
  }
}
