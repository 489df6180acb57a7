/// A program in which subgraphs that are certain to run take the place of the steps that would run them, so that their
/// steps share the plan's memory and cost nothing extra.
///
/// Values of a subgraph get slots of their own behind those of the program; what it captures keeps its slot, and its
/// outputs are written where the step's outputs are.
struct BranchInlining {
  private let original: Program
  private var steps: [Program.Step] = []
  private var values: [ValueID?]
  private var slots: [ValueID: Int] = [:]
  private(set) var constants: [Int: Weight]
  private var isChanged = false

  init(_ program: Program) {
    original = program
    values = program.values
    constants = program.constants
  }

  /// The program as it is now; the original one if nothing was inlined.
  var program: Program {
    guard isChanged else { return original }
    return Program(
      steps: steps, values: values, inputs: original.inputs, captures: original.captures,
      outputs: original.outputs, constants: constants, inputTypes: original.inputTypes,
      packedWeights: original.packedWeights, others: slots)
  }

  func slot(of value: ValueID) -> Int? { original.slot(of: value) ?? slots[value] }

  mutating func keep(_ step: Program.Step) { steps.append(step) }

  /// The steps that take the place of `step`, and the slots that are new; `nil` if that cannot be done.
  mutating func inline(
    _ body: Program, for step: Program.Step
  ) -> (steps: [Program.Step], slots: Range<Int>)? {
    guard body.inputs.count == body.captures.count, body.outputs.count >= step.outputs.count else {
      return nil
    }
    var places = [Int](repeating: 0, count: body.slotCount)
    for (slot, value) in zip(body.inputs, body.captures) {
      guard let outer = self.slot(of: value) else { return nil }
      places[slot] = outer
    }
    for slot in body.constants.keys {
      if let value = body.values[slot], let outer = self.slot(of: value), constants[outer] != nil {
        places[slot] = outer
      }
    }
    // A graph that is inlined twice would give two slots to one value, which nested graphs could not tell apart.
    let inner = body.values.indices.dropFirst().filter { places[$0] == 0 }
    guard inner.allSatisfy({ slot in body.values[slot].map { self.slot(of: $0) == nil } ?? true })
    else { return nil }
    isChanged = true
    let copies = placeOutputs(body, step, &places)
    let first = values.count
    for slot in inner where places[slot] == 0 {
      places[slot] = values.count
      if let value = body.values[slot] { slots[value] = values.count }
      values.append(body.values[slot])
      constants[places[slot]] = body.constants[slot]
    }
    let inlined = body.steps.map { moved($0, to: places) }
    return (inlined + copies.map { copy($0, places, step) }, first..<values.count)
  }

  /// Lets the body's outputs be made where the step's outputs are, and tells which have to be copied there because
  /// the body does not make them, or gives them twice.
  private mutating func placeOutputs(
    _ body: Program, _ step: Program.Step, _ places: inout [Int]
  ) -> [(from: Int, to: Int)] {
    let made = Set(body.steps.flatMap(\.outputs))
    var copies: [(from: Int, to: Int)] = []
    for (inner, outer) in zip(body.outputs, step.outputs) where outer != 0 {
      if made.contains(inner), places[inner] == 0 {
        places[inner] = outer
        if let value = body.values[inner] { slots[value] = outer }
      } else {
        copies.append((inner, outer))
      }
    }
    return copies
  }

  private func moved(_ step: Program.Step, to places: [Int]) -> Program.Step {
    Program.Step(
      site: step.site, name: step.name, opType: step.opType, op: step.op,
      inputs: step.inputs.map { places[$0] }, outputs: step.outputs.map { places[$0] },
      bodies: step.bodies, uses: step.uses.map { places[$0] })
  }

  private func copy(
    _ copy: (from: Int, to: Int), _ places: [Int], _ step: Program.Step
  ) -> Program.Step {
    let input = places[copy.from]
    return Program.Step(
      site: step.site, name: step.name, opType: step.opType, op: Identity(), inputs: [input],
      outputs: [copy.to], bodies: [:], uses: [input])
  }
}
