/// What is known of all values of a model before it runs.
public struct ModelTypes: Sendable {
  public private(set) var types: [ValueID: ValueType] = [:]
  /// Values that are the same whatever the inputs are, small ones only.
  public private(set) var constants: [ValueID: Tensor] = [:]

  /// Infers the types of all values of all graphs that can be reached.
  ///
  /// - Parameters:
  ///   - model: What to type.
  ///   - registry: The operators that its nodes may use.
  ///   - extents: Numbers for the symbols of the input types or for axes of inputs (`x.0`), 1 for all that are not
  ///     named; `nil` to keep symbols.
  /// - Throws: The refusal of the first node whose inputs do not fit, `.unsupportedOperator` with all operators
  ///   that are missing.
  public init(
    _ model: Model, registry: OperatorRegistry = .standard, extents: [String: Int]? = nil
  ) throws(ModelError) {
    let program = try ProgramBuilder(model: model, registry: registry).build()
    var inputTypes = program.inputTypes
    if let extents {
      let numbers = InputExtents(numbers: extents)
      let names = program.inputs.map { program.values[$0].map { model[$0].name } ?? "" }
      inputTypes = zip(inputTypes, names).map { type, name in
        type.map { numbers.bind($0, of: name) }
      }
    }
    try collect(program, inputTypes, InferenceBudget(program))
  }

  private mutating func collect(
    _ program: Program, _ inputTypes: [ValueType?], _ budget: InferenceBudget
  ) throws(ModelError) {
    // All that a body captures is among its inputs.
    let captured = program.captures.map { types[$0] }
    let inference = try TypeInference(program, inputTypes: inputTypes + captured, budget: budget)
    for (slot, value) in program.values.enumerated() {
      guard let value, let type = inference.types[slot] else { continue }
      types[value] = type
      if program.constants[slot] == nil, case .tensor(let tensor) = type {
        constants[value] = inference.known[slot]?.constant(tensor.element)
      }
    }
    for step in program.steps {
      // As in inference, a body that does not fit is refused only if it is run.
      for body in step.bodies.values { try? collect(body, body.inputTypes, budget) }
    }
  }
}
