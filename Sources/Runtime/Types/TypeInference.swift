/// The types, and as far as they can be told the values, of everything in a program.
///
/// With symbols in the input types this is what `inspect` shows and what passes ask; with numbers only it is the
/// first half of planning.
struct TypeInference {
  /// Results of shape arithmetic are folded up to this many elements; larger constants are the constant folding
  /// pass's business.
  private static let foldableElements = 1 << 12

  /// What was typed; with branches inlined, if that was asked for.
  private(set) var program: Program
  private(set) var types: [ValueType?]
  private(set) var known: [KnownValue?]
  private let outer: (ValueID) -> ValueType?
  private let collector: RefusalCollector?
  private var inlining: BranchInlining?

  /// - Parameters:
  ///   - inputTypes: One for each of `program.inputs`, captured values included.
  ///   - inlinesBranches: Whether subgraphs that are certain to run take the place of the nodes that run them.
  ///   - collector: Takes refusals, which otherwise are thrown.
  init(
    _ program: Program, inputTypes: [ValueType?], inlinesBranches: Bool = false,
    outer: @escaping (ValueID) -> ValueType? = { _ in nil }, collector: RefusalCollector? = nil
  ) throws(ModelError) {
    self.program = program
    self.outer = outer
    self.collector = collector
    types = Array(repeating: nil, count: program.slotCount)
    known = Array(repeating: nil, count: program.slotCount)
    for (slot, type) in zip(program.inputs, inputTypes) { types[slot] = type }
    for (slot, weight) in program.constants { try note(weight, slot) }
    if inlinesBranches { inlining = BranchInlining(program) }
    for step in program.steps { try visit(step) }
    if let inlining { self.program = inlining.program }
  }

  /// Notes a constant; large ones are not kept, since they may leave the memory once they are packed.
  private mutating func note(_ weight: Weight, _ slot: Int) throws(ModelError) {
    types[slot] = .tensor(weight.type)
    let count = weight.type.shape?.count.value ?? 0
    if count <= Self.foldableElements || weight.elementType == .string {
      known[slot] = .constant(try weight.tensor())
    }
  }

  /// Types a step, or the steps that take its place.
  private mutating func visit(_ step: Program.Step) throws(ModelError) {
    do throws(ModelError) {
      if let steps = try inlined(step) {
        for step in steps { try visit(step) }
      } else {
        inlining?.keep(step)
        try infer(step)
      }
    } catch {
      let error = error.at(node: step.site)
      guard let collector else { throw error }
      collector.add(error)
    }
  }

  private mutating func inlined(
    _ step: Program.Step
  ) throws(ModelError) -> [Program.Step]? {
    guard inlining != nil, let op = step.op as? any BranchOperator,
      let branch = try op.branch(operands(step)), let body = step.bodies[branch],
      let inlined = inlining?.inline(body, for: step)
    else { return nil }
    types += Array(repeating: nil, count: inlined.slots.count)
    known += Array(repeating: nil, count: inlined.slots.count)
    for slot in inlined.slots {
      if let weight = inlining?.constants[slot] { try note(weight, slot) }
    }
    return inlined.steps
  }

  private mutating func infer(_ step: Program.Step) throws(ModelError) {
    let operands = self.operands(step)
    if operands.hasUntypedInput { return }
    let outputTypes = try step.op.outputTypes(operands)
    for (slot, type) in zip(step.outputs, outputTypes) where slot != 0 { types[slot] = type }
    for (slot, value) in zip(step.outputs, try step.op.knownOutputs(operands)) where slot != 0 {
      known[slot] = value
    }
    try fold(step, outputTypes)
  }

  /// Computes outputs whose inputs are all known.
  private mutating func fold(
    _ step: Program.Step, _ outputTypes: [ValueType]
  ) throws(ModelError) {
    guard !step.op.isVolatile, step.bodies.isEmpty else { return }
    guard step.outputs.contains(where: { $0 != 0 && known[$0] == nil }) else { return }
    var inputs: [Value?] = []
    for slot in step.inputs {
      if slot == 0 {
        inputs.append(nil)
        continue
      }
      guard case .tensor(let type)? = types[slot],
        let tensor = known[slot]?.constant(type.element),
        tensor.count <= Self.foldableElements
      else { return }
      inputs.append(.tensor(tensor))
    }
    for type in outputTypes {
      guard case .tensor(let tensor) = type else { return }
      // An unknown extent may be data-dependent; such results are small if the inputs are, or refused.
      if let count = tensor.shape?.count.value, count > Self.foldableElements { return }
    }
    let call = OperatorCall(step: step, program: program, threads: 1)
    guard let outputs = try call.foldable(inputs) else { return }
    for (slot, value) in zip(step.outputs, outputs) where slot != 0 {
      guard let tensor = value.tensor else { continue }
      types[slot] = .tensor(tensor.type)
      known[slot] = .constant(tensor)
    }
  }

  func operands(_ step: Program.Step) -> Operands {
    let types = step.inputs.map { self.types[$0] }
    let known = step.inputs.map { self.known[$0] }
    let isPresent = step.inputs.map { $0 != 0 }
    // Who holds `self` while outputs are noted makes a copy of all types: only steps with subgraphs need it.
    if step.bodies.isEmpty {
      return Operands(
        types: types, known: known, isPresent: isPresent, outputCount: step.outputs.count)
    }
    return Operands(
      types: types, known: known, isPresent: isPresent, outputCount: step.outputs.count
    ) { (graph, given) throws(ModelError) in
      guard let body = step.bodies[graph] else { return [] }
      return try self.outputTypes(of: body, given)
    }
  }

  private func outputTypes(
    of body: Program, _ given: [ValueType?]
  ) throws(ModelError) -> [ValueType?] {
    guard given.count == body.inputs.count - body.captures.count else {
      throw ModelError(
        .arityMismatch, "a subgraph with \(body.inputs.count - body.captures.count) inputs",
        expected: "\(given.count), as the operator gives it")
    }
    let lookUp = { (value: ValueID) in self.type(of: value) }
    // A branch may never be taken, a body never be run, just because it does not fit these extents: what is wrong with
    // it is reported when it runs.
    let inference = try? TypeInference(
      body, inputTypes: given + body.captures.map(lookUp), outer: lookUp)
    return body.outputs.map { inference?.types[$0] }
  }

  /// The type of a value of this graph or of one around it.
  private func type(of value: ValueID) -> ValueType? {
    let slot = inlining?.slot(of: value) ?? program.slot(of: value)
    if let slot, let type = types[slot] { return type }
    return outer(value)
  }
}

extension Operands {
  fileprivate var hasUntypedInput: Bool {
    zip(types, isPresent).contains { $0 == nil && $1 }
  }
}
