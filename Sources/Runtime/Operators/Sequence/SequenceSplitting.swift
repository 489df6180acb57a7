/// `SplitToSequence`: pieces of a tensor along an axis, as a sequence.
///
/// |        | name    | shape | types |
/// |--------|---------|-------|-------|
/// | input  | `input` | any, rank ≥ 1 | any tensor |
/// | input  | `split`, optional | `[]`: the extent of each piece, the last may be smaller; `[n]`: all extents; default 1 | `i32`, `i64` |
/// | output | `output_sequence` | | sequence of tensors |
/// | attr   | `axis`, `keepdims` | | defaults 0 and 1; without `split`, 0 drops the axis |
///
/// Source: ONNX `SplitToSequence`, opsets 11 and 24.
struct SplitToSequence: ValueOperator {
  private let axis: Int
  private let keepsAxis: Bool

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...2)
    axis = try node.int("axis", default: 0)
    let keeps = try node.bool("keepdims", default: true)
    keepsAxis = node.hasInput(1) || keeps
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let type = try inputs.tensor(0)
    guard var shape = type.shape else { return [.sequence(.tensor(type.element, nil))] }
    let axis = try shape.axis(axis)
    if !keepsAxis {
      shape.dimensions.remove(at: axis)
    } else {
      shape[axis] = inputs.has(1) ? .unknown : 1
    }
    return [.sequence(.tensor(type.element, shape))]
  }

  func evaluate(_ call: ValueCall) throws(ModelError) -> [Value] {
    let x = try call.tensor(0)
    let axis = try Shape.normalize(axis, rank: x.shape.count)
    guard case .sequence(let element)? = call.outputTypes.first else { return [] }
    if !keepsAxis {
      let slices = try (0..<x.shape[axis]).map { (place) throws(ModelError) in
        Value.tensor(try x.slice(place, axis: axis))
      }
      return [.sequence(slices, element: element)]
    }
    var pieces: [Value] = []
    var start = 0
    for extent in try extents(call.optionalTensor(1), x.shape[axis]) {
      let bounds = [start, start + extent, axis]
      let operands = try bounds.map { (bound) throws(ModelError) in
        Value?.some(.tensor(try Tensor([bound], shape: [1])))
      }
      pieces += try OperatorCall.evaluate(Slice(), [.tensor(x)] + operands, outputCount: 1)
      start += extent
    }
    return [.sequence(pieces, element: element)]
  }

  private func extents(_ split: Tensor?, _ total: Int) throws(ModelError) -> [Int] {
    guard let split else { return Array(repeating: 1, count: total) }
    let numbers = split.integers ?? []
    if split.shape.isEmpty, let extent = numbers.first, extent > 0 {
      return stride(from: 0, to: total, by: extent).map { min(extent, total - $0) }
    }
    guard !split.shape.isEmpty, numbers.allSatisfy({ $0 >= 0 && $0 <= total }),
      numbers.reduce(0, +) == total
    else {
      throw ModelError(
        .shapeMismatch, "pieces \(numbers) of an axis of extent \(total)",
        expected: "extents that sum up to \(total)")
    }
    return numbers
  }
}

/// `ConcatFromSequence`: the tensors of a sequence one behind the other, along an axis or a new one.
///
/// |        | name | types |
/// |--------|------|-------|
/// | input  | `input_sequence` | sequence of tensors, at least one |
/// | output | `concat_result` | tensor |
/// | attr   | `axis`, `new_axis` | required; default 0 |
///
/// Source: ONNX `ConcatFromSequence`, opset 11.
struct ConcatFromSequence: ValueOperator {
  private let axis: Int
  private let isNew: Bool

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1)
    axis = try node.int("axis")
    isNew = try node.bool("new_axis", default: false)
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    guard case .tensor(let type) = try inputs.sequenceElement(0) else {
      throw ModelError(.elementTypeMismatch, "input 0", expected: "a sequence of tensors")
    }
    guard let rank = type.shape?.rank else { return [.tensor(type.element, nil)] }
    let unknown = Array(repeating: Dimension.unknown, count: isNew ? rank + 1 : rank)
    return [.tensor(type.element, Shape(unknown))]
  }

  func evaluate(_ call: ValueCall) throws(ModelError) -> [Value] {
    let tensors = try call.sequence(0).values.compactMap(\.tensor)
    guard !tensors.isEmpty else {
      throw ModelError(.outOfRange, "an empty sequence put together", expected: "a tensor or more")
    }
    return [
      .tensor(
        try isNew
          ? .stacked(tensors, axis: axis) : .concatenated(tensors, axis: axis))
    ]
  }
}

extension Slice {
  /// A slice by inputs.
  init() { fixed = nil }
}
