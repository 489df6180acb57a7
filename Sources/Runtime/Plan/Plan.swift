/// A program for one set of extents: kernels chosen, memory laid out.
final class Plan: Sendable {
  /// Where a slot's bytes are while the plan runs.
  enum Home: Sendable {
    /// Nowhere: the slot is not used, or it belongs to a step that was folded away.
    case none
    /// In the session, for ever.
    case constant(Tensor)
    /// In a value that the caller gave, or that a value step made: known when the plan runs.
    case value
    /// In the arena.
    case arena(offset: Int)
    /// In the tensor that is made for that output of the graph.
    case output(Int)
    /// Where another slot is.
    case alias(of: Int)
  }

  enum Action: Sendable {
    case kernel(Kernel.Body)
    /// Lowered and run when its inputs are there.
    case call
    /// Runs one of the step's subgraphs, by the condition in its first input.
    case branch(any BranchOperator)
    /// Points a slot to where another slot's value has been put.
    case alias(of: Int)
  }

  struct Step: Sendable {
    let program: Int
    let action: Action
    let kernelName: String
    /// Where its operands begin in `operands`.
    let firstOperand: Int
    let inputCount: Int
    let outputCount: Int
    /// Slots whose values nobody needs after this step.
    let releases: [Int]
  }

  /// What runs: `source`, perhaps with subgraphs inlined.
  let program: Program
  /// What was planned.
  let source: Program
  let steps: [Step]
  /// Slots of all kernels' inputs, outputs and scratch memory, one step after the other.
  let operands: [Int32]
  let homes: [Home]
  let types: [ValueType?]
  let inputTypes: [ValueType]
  let arenaBytes: Int
  let scratchSlots: [(slot: Int, offset: Int)]
  /// Outputs of the graph that kernels write, by position.
  let written: [Written]
  /// Slots that share memory which is another one in each run.
  let moving: [(slot: Int, root: Int)]
  /// Slots whose values are put there by each run.
  let valueSlots: [Int]
  private let keys: [Key?]

  /// An output that is made anew for each run.
  struct Written: Sendable {
    let slot: Int
    let position: Int
    let element: ElementType
    let extents: [Int]
  }

  /// The type of a tensor that is given to the plan.
  private struct Key: Sendable {
    let element: ElementType
    let extents: [Int]

    init?(_ type: ValueType) {
      guard case .tensor(let tensor) = type, let extents = tensor.shape?.extents else { return nil }
      element = tensor.element
      self.extents = extents
    }
  }

  init(
    program: Program, source: Program, steps: [Step], operands: [Int32], homes: [Home],
    types: [ValueType?], inputTypes: [ValueType], arenaBytes: Int,
    scratchSlots: [(slot: Int, offset: Int)]
  ) {
    self.program = program
    self.source = source
    self.steps = steps
    // Never empty, so that it has an address.
    self.operands = operands.isEmpty ? [0] : operands
    self.homes = homes
    self.types = types
    self.inputTypes = inputTypes
    self.arenaBytes = arenaBytes
    self.scratchSlots = scratchSlots
    keys = inputTypes.map(Key.init)
    written = Self.written(homes, types, program)
    moving = homes.enumerated().compactMap { slot, home in
      guard case .alias(let root) = home else { return nil }
      switch homes[root] {
      case .value, .output: return (slot, root)
      case .none, .constant, .arena, .alias: return nil
      }
    }
    valueSlots = homes.indices.filter { if case .value = homes[$0] { true } else { false } }
  }

  private static func written(
    _ homes: [Home], _ types: [ValueType?], _ program: Program
  ) -> [Written] {
    homes.enumerated().compactMap { slot, home in
      guard case .output(let position) = home,
        case .tensor(let type)? = types[program.outputs[position]],
        let extents = type.shape?.extents
      else { return nil }
      return Written(slot: slot, position: position, element: type.element, extents: extents)
    }.sorted { $0.position < $1.position }
  }

  var slotCount: Int { homes.count + scratchSlots.count }

  /// Whether the plan is one for values of these extents.
  func fits(_ inputs: [Value]) -> Bool {
    for index in inputs.indices {
      guard let key = keys[index] else {
        if inputTypes[index] == inputs[index].type { continue }
        return false
      }
      guard case .tensor(let given) = inputs[index], given.elementType == key.element,
        given.shape == key.extents
      else { return false }
    }
    return true
  }
}
