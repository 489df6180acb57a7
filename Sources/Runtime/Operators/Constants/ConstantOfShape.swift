import CKernels

/// `ConstantOfShape`: a tensor of one value repeated.
///
/// |        | name     | shape | element types |
/// |--------|----------|-------|---------------|
/// | input  | `input`  | `[r]` | `i64`         |
/// | output | `output` | `input` | of `value`  |
/// | attr   | `value`  | one element | any; default f32 0 |
///
/// Source: ONNX `ConstantOfShape`, opsets 9 to 25.
struct ConstantOfShape: TensorOperator, ValueOperator {
  let value: Tensor

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1)
    value = node.has("value") ? try node.tensor("value") : try Tensor(scalar: Float(0))
    guard value.count == 1 else {
      throw ModelError(
        .invalidAttribute, "attribute 'value' has \(value.count) elements", expected: "one")
    }
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let shape = try inputs.tensor(0, of: [.i64]).shape
    if let extents = inputs.extents(0) {
      guard extents.allSatisfy({ ($0.value ?? 0) >= 0 }) else {
        throw ModelError(.outOfRange, "shape \(Shape(extents))", expected: "extents ≥ 0")
      }
      return [.tensor(value.elementType, Shape(extents))]
    }
    guard let rank = shape?.count.value, rank <= 64 else {
      return [.tensor(value.elementType, nil)]
    }
    return [.tensor(value.elementType, Shape(Array(repeating: .unknown, count: rank)))]
  }

  func knownOutputs(_ inputs: Operands) throws(ModelError) -> [KnownValue?] {
    guard value.elementType == .i64, let element = value.integers?.first,
      let shape = inputs.extents(0), shape.count <= 1, let count = Shape(shape).count.value,
      count <= 64
    else { return [nil] }
    return [.extents(Array(repeating: .fixed(element), count: count), isScalar: shape.isEmpty)]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let (value, output) = (value, try io.output())
    let (shape, bytes) = (output.shape, output.byteCount)
    let width = value.elementType.isPacked ? 0 : value.elementType.byteWidth
    return Kernel("fill") { (context) throws(ModelError) in
      let to = context.outputBytes()
      let source = width > 0 ? value : try Tensor.repeating(value, shape: shape)
      try source.withBytes { from in
        guard let from = from.baseAddress, bytes > 0 else { return }
        if width > 0 {
          zoo_fill(to, from, Int64(bytes / width), Int64(width))
        } else {
          to.copyMemory(from: from, byteCount: bytes)
        }
      }
    }
  }

  func evaluate(_ call: ValueCall) throws(ModelError) -> [Value] {
    guard let shape = try call.tensor(0).integers else {
      throw ModelError(.elementTypeMismatch, "a shape that is no i64 tensor")
    }
    return [.tensor(try Tensor.repeating(value, shape: shape))]
  }
}
