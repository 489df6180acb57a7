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
  private let budget: InferenceBudget
  private let collector: RefusalCollector?
  private var inlining: BranchInlining?

  /// - Parameters:
  ///   - inputTypes: One for each of `program.inputs`, captured values included.
  ///   - inlinesBranches: Whether subgraphs that are certain to run take the place of the nodes that run them.
  ///   - budget: What subgraphs may spend; one of its own by default.
  ///   - collector: Takes refusals, which otherwise are thrown.
  init(
    _ program: Program, inputTypes: [ValueType?], inlinesBranches: Bool = false,
    budget: InferenceBudget? = nil, collector: RefusalCollector? = nil
  ) throws(ModelError) {
    self.program = program
    self.budget = budget ?? InferenceBudget(program)
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
    guard inlining != nil, let branch = try branch(of: step), let body = step.bodies[branch],
      let inlined = inlining?.inline(body, for: step)
    else { return nil }
    types += Array(repeating: nil, count: inlined.slots.count)
    known += Array(repeating: nil, count: inlined.slots.count)
    for slot in inlined.slots {
      if let weight = inlining?.constants[slot] { try note(weight, slot) }
    }
    return inlined.steps
  }

  private func branch(of step: Program.Step) throws(ModelError) -> GraphID? {
    guard let op = step.op as? any BranchOperator else { return nil }
    return try op.branch(operands(step))
  }

  private mutating func infer(_ step: Program.Step) throws(ModelError) {
    guard let outputs = try outputs(of: step) else { return }
    for (slot, type) in zip(step.outputs, outputs.types) where slot != 0 { types[slot] = type }
    for (slot, value) in zip(step.outputs, outputs.known) where slot != 0 { known[slot] = value }
    try fold(step, outputs.types)
  }

  /// What a step makes; `nil` if the type of an operand is not known. The operands of a step with subgraphs hold `self`,
  /// so that who still has them when outputs are noted makes a copy of all types.
  private func outputs(
    of step: Program.Step
  ) throws(ModelError) -> (types: [ValueType], known: [KnownValue?])? {
    let operands = self.operands(step)
    if operands.hasUntypedInput { return nil }
    return (try step.op.outputTypes(operands), try step.op.knownOutputs(operands))
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
    guard budget.spend(body.steps.count) else { return body.outputs.map { _ in nil } }
    // A branch may never be taken, a body never be run, just because it does not fit these extents: what is wrong with
    // it is reported when it runs.
    let inference = try? TypeInference(
      body, inputTypes: given + body.captures.map(type), budget: budget)
    return body.outputs.map { inference?.types[$0] }
  }

  /// The type of a value of this graph, or of one around it that a subgraph captures.
  private func type(of value: ValueID) -> ValueType? {
    (inlining?.slot(of: value) ?? program.slot(of: value)).flatMap { types[$0] }
  }
}

/// How many steps of subgraphs one inference may type.
///
/// The body of a loop is typed anew as often as its carried values widen, and with it all loops inside, so that time would
/// grow exponentially with their depth. Where the budget ends, types are left to be told when the model runs.
final class InferenceBudget {
  private var left: Int

  /// Enough for models of loops in loops as people write them; in proportion to the model otherwise.
  init(_ program: Program) { left = (1 << 14) + 64 * program.stepCount }

  /// Whether there is enough left for a subgraph of `steps` steps, which are taken away.
  func spend(_ steps: Int) -> Bool {
    left -= 1 + steps
    return left >= 0
  }
}

extension Operands {
  fileprivate var hasUntypedInput: Bool {
    zip(types, isPresent).contains { $0 == nil && $1 }
  }
}
