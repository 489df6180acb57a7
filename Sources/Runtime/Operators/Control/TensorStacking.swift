extension Tensor {
  /// Tensors one behind the other along an axis.
  static func concatenated(_ parts: [Tensor], axis: Int) throws(ModelError) -> Tensor {
    if parts.count == 1 { return parts[0] }
    let values = try OperatorCall.evaluate(
      Concat(axis: axis), parts.map(Value.tensor), outputCount: 1)
    guard let result = values.first?.tensor else {
      throw ModelError(.shapeMismatch, "no tensors to put together", expected: "at least one")
    }
    return result
  }

  /// Tensors of one shape as slices of a new axis.
  static func stacked(_ parts: [Tensor], axis: Int) throws(ModelError) -> Tensor {
    guard let first = parts.first else {
      throw ModelError(.shapeMismatch, "no tensors to stack", expected: "at least one")
    }
    let place = try Shape.normalize(axis, rank: first.shape.count + 1)
    let widened = try parts.map { (part) throws(ModelError) in
      guard part.shape == first.shape else {
        throw ModelError(
          .shapeMismatch, "tensors \(first.type) and \(part.type) stacked", expected: "one shape")
      }
      var shape = part.shape
      shape.insert(1, at: place)
      return try part.reshaped(to: shape)
    }
    return try concatenated(widened, axis: place)
  }

  /// The slice at one place of an axis, without that axis. A slice along the first axis shares this tensor's bytes.
  func slice(_ index: Int, axis: Int) throws(ModelError) -> Tensor {
    var shape = self.shape
    let axis = try Shape.normalize(axis, rank: shape.count)
    guard index >= 0, index < shape[axis] else {
      throw ModelError(
        .outOfRange, "index \(index) of axis \(axis) of a tensor \(type)",
        expected: "0 ... \(shape[axis] - 1)")
    }
    shape.remove(at: axis)
    if axis == 0, let bytes, !elementType.isPacked {
      let size = try Tensor.byteCount(elementType, shape: shape)
      return try Tensor(
        elementType, shape: shape, sharing: bytes.buffer, offset: bytes.offset + index * size)
    }
    let values = try OperatorCall.evaluate(
      Gather(axis: axis), [.tensor(self), .tensor(Tensor(scalar: Int64(index)))], outputCount: 1)
    guard let result = values.first?.tensor else {
      throw ModelError(.elementTypeMismatch, "a slice that is no tensor")
    }
    return result
  }
}

extension Concat {
  init(axis: Int) { self.axis = axis }
}

extension Gather {
  init(axis: Int) { self.axis = axis }
}
