extension SparseTensor {
  /// A sparse tensor whose parts are checked against each other.
  ///
  /// - Throws: `.malformed` unless `values` is `[n]` and `indices` is `i64 [n]` or `i64 [n, rank]`, ascending without
  ///   repetition and inside `shape`.
  public init(checking values: Tensor, indices: Tensor, shape: [Int]) throws(ModelError) {
    self.init(values: values, indices: indices, shape: shape)
    guard values.shape.count == 1 else {
      throw ModelError(
        .malformed, "values of a sparse tensor of shape \(values.shape)", expected: "rank 1")
    }
    let count = values.shape[0]
    guard indices.elementType == .i64,
      indices.shape == [count] || indices.shape == [count, shape.count]
    else {
      throw ModelError(
        .malformed, "indices \(indices.type) of a sparse tensor with \(count) values",
        expected: "i64 [\(count)] or [\(count), \(shape.count)]")
    }
    let size = try Tensor.count(of: shape)
    var previous = -1
    for position in try linearIndices() {
      guard position > previous, position < size else {
        throw ModelError(
          .malformed, "index \(position) after \(previous) of a sparse tensor of \(size) elements",
          expected: "ascending indices below \(size)")
      }
      previous = position
    }
  }

  /// The positions of the values in row-major order.
  ///
  /// - Throws: `.malformed` if an index or a coordinate is outside the shape.
  public func linearIndices() throws(ModelError) -> [Int] {
    let numbers = try indices.array(of: Int64.self)
    let rank = shape.count
    guard indices.shape.count == 2 else {
      let size = try Tensor.count(of: shape)
      for number in numbers where number < 0 || number >= size {
        throw ModelError(
          .malformed, "index \(number) of a sparse tensor of \(size) elements",
          expected: size == 0 ? "none" : "0 ... \(size - 1)")
      }
      return numbers.map { Int($0) }
    }
    var positions: [Int] = []
    positions.reserveCapacity(values.count)
    for row in 0..<values.count {
      var position = 0
      for axis in 0..<rank {
        let coordinate = Int(numbers[row * rank + axis])
        guard coordinate >= 0, coordinate < shape[axis] else {
          throw ModelError(
            .malformed, "coordinate \(coordinate) on axis \(axis) of a sparse tensor \(shape)",
            expected: "0 ..< \(shape[axis])")
        }
        position = position * shape[axis] + coordinate
      }
      positions.append(position)
    }
    return positions
  }

  /// The same elements with all zeros written out.
  public func densified() throws(ModelError) -> Tensor {
    let positions = try linearIndices()
    let type = values.elementType
    if let strings = values.strings {
      var dense = [String](repeating: "", count: try Tensor.count(of: shape))
      for (position, string) in zip(positions, strings) { dense[position] = string }
      return try Tensor(strings: dense, shape: shape)
    }
    return try Tensor(type, shape: shape) { target throws(ModelError) in
      target.initializeMemory(as: UInt8.self, repeating: 0)
      try values.withBytes { source throws(ModelError) in
        let width = type.bitWidth
        for (index, position) in positions.enumerated() {
          if width >= 8 {
            let bytes = width / 8
            UnsafeMutableRawBufferPointer(rebasing: target[(position * bytes)...])
              .copyMemory(
                from: UnsafeRawBufferPointer(rebasing: source[index * bytes..<(index + 1) * bytes]))
          } else {
            guard let from = source.baseAddress, let to = target.baseAddress else { return }
            let codes = PackedCodes(width: width)
            codes.insert(codes.load(from, index), to, position)
          }
        }
      }
    }
  }
}
