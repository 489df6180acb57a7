/// Whether given values are what a model takes.
enum InputCheck {
  static func check(
    _ values: [Value], against parameters: [Session.Parameter]
  ) throws(ModelError) {
    var extents: [String: (extent: Int, name: String)] = [:]
    for (value, parameter) in zip(values, parameters) {
      guard let type = parameter.type else { continue }
      do throws(ModelError) {
        guard case .tensor(let expected) = type else {
          if accepts(type, value.type) { continue }
          throw ModelError(.elementTypeMismatch, "\(value.type)", expected: "\(type)")
        }
        guard let tensor = value.tensor else {
          throw ModelError(.elementTypeMismatch, "\(value.type)", expected: "\(type)")
        }
        try check(tensor, expected)
        try bind(tensor, expected, parameter.name, &extents)
      } catch { throw error.at(operand: "input '\(parameter.name)'") }
    }
  }

  private static func check(_ tensor: Tensor, _ expected: TensorType) throws(ModelError) {
    guard tensor.elementType == expected.element else {
      throw ModelError(
        .elementTypeMismatch, "a tensor \(tensor.type)", expected: "\(expected)",
        remedy: "convert the elements to \(expected.element)")
    }
    guard let shape = expected.shape else { return }
    let fits =
      shape.rank == tensor.shape.count
      && zip(shape.dimensions, tensor.shape).allSatisfy { $0.canBe(.fixed($1)) }
    guard fits else {
      throw ModelError(.shapeMismatch, "a tensor \(tensor.type)", expected: "\(expected)")
    }
  }

  private static func bind(
    _ tensor: Tensor, _ expected: TensorType, _ name: String,
    _ extents: inout [String: (extent: Int, name: String)]
  ) throws(ModelError) {
    guard let shape = expected.shape else { return }
    for (axis, (dimension, extent)) in zip(shape.dimensions, tensor.shape).enumerated() {
      guard case .symbolic(let symbol) = dimension else { continue }
      let text = symbol.description
      if let earlier = extents[text], earlier.extent != extent {
        throw ModelError(
          .shapeMismatch, "axis \(axis) ('\(text)') has extent \(extent)",
          expected: "\(earlier.extent), as in input '\(earlier.name)'")
      }
      extents[text] = (extent, name)
    }
  }

  private static func accepts(_ expected: ValueType, _ given: ValueType) -> Bool {
    switch (expected, given) {
    case (.tensor(let a), .tensor(let b)): a.element == b.element
    case (.sequence(let a), .sequence(let b)), (.optional(let a), .optional(let b)):
      accepts(a, b)
    case (.optional(let a), _): accepts(a, given)
    case (.map(let k, let a), .map(let l, let b)): k == l && accepts(a, b)
    case (.sparseTensor(let a), .sparseTensor(let b)): a.element == b.element
    default: false
    }
  }

  static func missing(
    _ parameter: Session.Parameter, _ all: [Session.Parameter]
  ) -> ModelError {
    ModelError(
      .missingInput, "no value for input '\(parameter.name)'",
      expected: parameter.type?.description ?? "a value")
  }

  static func unknown(_ given: [String], _ all: [Session.Parameter]) -> ModelError {
    let names = all.map(\.name)
    let stray = given.filter { !names.contains($0) }.sorted()
    return ModelError(
      .unknownInput, "a value for '\(stray.joined(separator: "', '"))'",
      expected: "only the model's inputs: " + names.map { "'\($0)'" }.joined(separator: ", "))
  }
}
