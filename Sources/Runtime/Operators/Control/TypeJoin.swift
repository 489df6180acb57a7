extension ValueType {
  /// The narrowest type that both are of; `nil` if there is none.
  func joined(_ other: ValueType) -> ValueType? {
    switch (self, other) {
    case (.tensor(let a), .tensor(let b)) where a.element == b.element:
      return .tensor(a.element, Shape.joined(a.shape, b.shape))
    case (.sparseTensor(let a), .sparseTensor(let b)) where a.element == b.element:
      return .sparseTensor(TensorType(a.element, Shape.joined(a.shape, b.shape)))
    case (.sequence(let a), .sequence(let b)): return a.joined(b).map(ValueType.sequence)
    case (.optional(let a), .optional(let b)): return a.joined(b).map(ValueType.optional)
    case (.optional(let a), _): return a.joined(other).map(ValueType.optional)
    case (_, .optional(let b)): return joined(b).map(ValueType.optional)
    case (.map(let k, let a), .map(let l, let b)) where k == l:
      return a.joined(b).map { .map(key: k, value: $0) }
    default: return nil
    }
  }
}

extension Shape {
  fileprivate static func joined(_ a: Shape?, _ b: Shape?) -> Shape? {
    guard let a, let b, a.rank == b.rank else { return nil }
    return Shape(zip(a.dimensions, b.dimensions).map { $0.isCertainly($1) ? $0 : .unknown })
  }
}

extension Operands {
  /// The output types of a loop body that is given `fixed` inputs, then `carried` ones that become its first outputs
  /// (after `skipped` others) and come back, then `others`.
  ///
  /// Carried types are widened until the body gives back what it took.
  /// - Returns: The carried types, and all output types of the body; `nil` if they cannot be told.
  func loopTypes(
    of body: GraphID, fixed: [ValueType?], carried: [ValueType?], others: [ValueType?],
    skipped: Int
  ) throws(ModelError) -> (carried: [ValueType], outputs: [ValueType])? {
    var current = carried.compactMap { $0 }
    guard current.count == carried.count else { return nil }
    // Each round that does not end widens an extent or a rank, which can go on for so long only.
    for _ in 0..<64 {
      let outputs = try outputTypes(of: body, given: fixed + current + others).compactMap { $0 }
      guard outputs.count >= skipped + current.count else { return nil }
      var widened: [ValueType] = []
      for (before, after) in zip(current, outputs[skipped...]) {
        guard let type = before.joined(after) else {
          throw ModelError(
            .elementTypeMismatch, "a loop turns a value \(before) into \(after)",
            expected: "one type")
        }
        widened.append(type)
      }
      if widened == current { return (current, outputs) }
      current = widened
    }
    return nil
  }
}

extension ValueType {
  /// A tensor type with an axis more.
  func stacked(_ extent: Dimension, at axis: Int = 0) -> ValueType? {
    guard case .tensor(let type) = self else { return nil }
    guard var shape = type.shape else { return .tensor(type.element, nil) }
    guard let place = try? Shape.normalize(axis, rank: shape.rank + 1) else { return nil }
    shape.dimensions.insert(extent, at: place)
    return .tensor(type.element, shape)
  }

  /// A tensor type without axis `axis`.
  func sliced(at axis: Int = 0) throws(ModelError) -> ValueType? {
    guard case .tensor(let type) = self else { return nil }
    guard var shape = type.shape else { return .tensor(type.element, nil) }
    shape.dimensions.remove(at: try shape.axis(axis))
    return .tensor(type.element, shape)
  }
}
