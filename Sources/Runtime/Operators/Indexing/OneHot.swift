import CKernels

/// `OneHot`: a new axis with one value everywhere but at the place that an index names.
///
/// |        | name      | shape | element types |
/// |--------|-----------|-------|---------------|
/// | input  | `indices` | any   | numbers       |
/// | input  | `depth`   | one element | numbers: the new axis' extent |
/// | input  | `values`  | `[2]`: off, on | any  |
/// | output | `output`  | `indices` with the new axis | type of `values` |
/// | attr   | `axis`    | −r−1 ... r | default −1: where the new axis goes |
///
/// Negative indices count from the end; one outside gives "off" everywhere. Source: ONNX `OneHot`, opsets 9 and 11.
struct OneHot: DataMovement {
  let axis: Int

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 3...3)
    axis = try node.int("axis", default: -1)
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let indices = try inputs.tensor(0)
    let values = try inputs.tensor(2)
    guard var shape = indices.shape else { return [.tensor(values.element, nil)] }
    var depth = inputs.extents(1)?.first ?? .unknown
    if depth == .unknown, let given = try inputs.constant(1)?.anyIntegers().first {
      depth = .fixed(given)
    }
    guard (depth.value ?? 0) >= 0 else {
      throw ModelError(.outOfRange, "a depth of \(depth)", expected: "0 or more")
    }
    shape.dimensions.insert(depth, at: try Shape.normalize(axis, rank: shape.rank + 1))
    return [.tensor(values.element, shape)]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let (indices, output) = (try io.input(0), try io.output())
    let axis = try Shape.normalize(axis, rank: output.rank)
    let inner = output.shape[(axis + 1)...].reduce(1, *)
    let (depth, count, width) = (output.shape[axis], indices.count, output.element.byteWidth)
    let (total, type, shape) = (output.count, indices.element, indices.shape)
    return Kernel("one_hot") { (context) throws(ModelError) in
      let (values, y) = (context.inputBytes(2), context.outputBytes())
      zoo_fill(y, values, Int64(total), Int64(width))
      let places = try Tensor(type, shape: shape) { bytes in
        bytes.copyMemory(
          from: UnsafeRawBufferPointer(start: context.inputBytes(0), count: bytes.count))
      }.anyIntegers()
      for place in 0..<count {
        let index = places[place] < 0 ? places[place] + depth : places[place]
        guard index >= 0, index < depth else { continue }
        let target = (place / inner * depth + index) * inner + place % inner
        copyElement(y + target * width, values + width, width)
      }
    }
  }
}

extension Tensor {
  /// Elements of any numeric type as integers, rounded towards 0; `Int.max` stands for those that are none.
  func anyIntegers() throws(ModelError) -> [Int] {
    func whole(_ value: Double) -> Int { Int(exactly: value.rounded(.towardZero)) ?? Int.max }
    switch elementType {
    case .i64: return try array(of: Int.self)
    case .i32: return try array(of: Int32.self).map(Int.init)
    case .i16: return try array(of: Int16.self).map(Int.init)
    case .i8: return try array(of: Int8.self).map(Int.init)
    case .u8: return try array(of: UInt8.self).map(Int.init)
    case .u16: return try array(of: UInt16.self).map(Int.init)
    case .u32: return try array(of: UInt32.self).map(Int.init)
    case .u64: return try array(of: UInt64.self).map { Int(exactly: $0) ?? Int.max }
    default: break
    }
    guard let doubles else {
      throw ModelError(.elementTypeMismatch, "a tensor of \(elementType)", expected: "numbers")
    }
    return doubles.map(whole)
  }
}
