/// A graph made ready to be planned: operators decoded, weights at hand, values numbered.
///
/// Slots number the values that this graph touches, densely from 1; slot 0 stands for an operand that is left out.
final class Program: Sendable {
  struct Step: Sendable {
    /// `node #118 'encoder/attn/MatMul' (MatMul)`
    let site: String
    let name: String
    let opType: String
    let op: any Operator
    let inputs: [Int]
    let outputs: [Int]
    let bodies: [GraphID: Program]
    /// All slots that the step reads: its inputs and what its bodies capture.
    let uses: [Int]
  }

  let steps: [Step]
  /// The value of each slot.
  let values: [ValueID?]
  /// Slots of the graph's inputs, then of the values that it captures from the graphs around it.
  let inputs: [Int]
  let captures: [ValueID]
  let outputs: [Int]
  let constants: [Int: Weight]
  /// What the model file declares of each input.
  let inputTypes: [ValueType?]
  let packedWeights: PackedWeights
  /// The slot of each value.
  private let slots: [ValueID: Int]

  var slotCount: Int { values.count }

  /// Steps, those of subgraphs included.
  let stepCount: Int

  /// The slot of a value that this graph has.
  func slot(of value: ValueID) -> Int? { slots[value] }

  /// - Parameter others: Slots of values that share theirs with a value of `values`.
  init(
    steps: [Step], values: [ValueID?], inputs: [Int], captures: [ValueID], outputs: [Int],
    constants: [Int: Weight], inputTypes: [ValueType?], packedWeights: PackedWeights,
    others: [ValueID: Int] = [:]
  ) {
    self.steps = steps
    stepCount = steps.reduce(0) { $1.bodies.values.reduce($0 + 1) { $0 + $1.stepCount } }
    self.values = values
    self.inputs = inputs
    self.captures = captures
    self.outputs = outputs
    self.constants = constants
    self.inputTypes = inputTypes
    self.packedWeights = packedWeights
    var slots = others
    slots.reserveCapacity(values.count)
    for (slot, value) in values.enumerated() {
      if let value, slots[value] == nil { slots[value] = slot }
    }
    self.slots = slots
  }
}
