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

  /// Infers with a symbol of its own for each extent of the model's inputs that the model leaves open: then it can be
  /// told which values have the same shape.
  init(naming model: Model, registry: OperatorRegistry) throws(ModelError) {
    let program = try ProgramBuilder(model: model, registry: registry).build()
    let known = Set(program.inputTypes.flatMap { $0?.tensorType?.shape?.dimensions ?? [] })
    var prefix = "input"
    func name(_ input: Int, _ axis: Int) -> Dimension { .symbol("\(prefix)\(input).\(axis)") }
    let axes = program.inputTypes.enumerated().flatMap { input, type in
      (type?.tensorType?.shape?.dimensions.indices).map { $0.map { (input, $0) } } ?? []
    }
    while axes.contains(where: { known.contains(name($0, $1)) }) { prefix += "'" }
    let inputTypes = program.inputTypes.enumerated().map { input, type -> ValueType? in
      guard let tensor = type?.tensorType, let shape = tensor.shape else { return type }
      let dimensions = shape.dimensions.enumerated().map { axis, dimension in
        dimension == .unknown ? name(input, axis) : dimension
      }
      return .tensor(tensor.element, Shape(dimensions))
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
