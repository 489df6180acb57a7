extension Operands {
  /// The element type of sequence input `index`.
  ///
  /// - Throws: `.elementTypeMismatch` if it is no sequence.
  func sequenceElement(_ index: Int) throws(ModelError) -> ValueType {
    guard index < count, let type = types[index] else {
      throw ModelError(.missingInput, "input \(index) is left out", expected: "a sequence")
    }
    switch type {
    case .sequence(let element), .optional(.sequence(let element)): return element
    default:
      throw ModelError(.elementTypeMismatch, "input \(index) is \(type)", expected: "a sequence")
    }
  }
}

extension ValueCall {
  /// The elements of sequence input `index`.
  func sequence(_ index: Int) throws(ModelError) -> (values: [Value], element: ValueType) {
    switch try value(index) {
    case .sequence(let values, let element), .optional(.sequence(let values, let element)?, _):
      return (values, element)
    case let other:
      throw ModelError(
        .elementTypeMismatch, "input \(index) is \(other.type)", expected: "a sequence")
    }
  }

  /// A place in a sequence of `count` elements from input `index`, which counts from the end if it is negative.
  func place(_ index: Int, _ count: Int) throws(ModelError) -> Int {
    guard let place = try tensor(index).integers?.first else {
      throw ModelError(.shapeMismatch, "input \(index) is no integer", expected: "i32 or i64")
    }
    guard place >= -count, place < count else {
      throw ModelError(
        .outOfRange, "place \(place) of a sequence of \(count)",
        expected: count == 0 ? "elements" : "\(-count) ... \(count - 1)")
    }
    return place < 0 ? place + count : place
  }
}

extension ValueType {
  /// The type without its tensors' extents: what holds for elements of different shapes.
  var loose: ValueType {
    if case .tensor(let type) = self { .tensor(type.element, nil) } else { self }
  }
}
