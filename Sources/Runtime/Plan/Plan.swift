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

  let program: Program
  let steps: [Step]
  /// Slots of all kernels' inputs, outputs and scratch memory, one step after the other.
  let operands: [Int32]
  let homes: [Home]
  let types: [ValueType?]
  let inputTypes: [ValueType]
  let arenaBytes: Int
  let scratchSlots: [(slot: Int, offset: Int)]
  let states = StatePool()

  init(
    program: Program, steps: [Step], operands: [Int32], homes: [Home], types: [ValueType?],
    inputTypes: [ValueType], arenaBytes: Int, scratchSlots: [(slot: Int, offset: Int)]
  ) {
    self.program = program
    self.steps = steps
    self.operands = operands
    self.homes = homes
    self.types = types
    self.inputTypes = inputTypes
    self.arenaBytes = arenaBytes
    self.scratchSlots = scratchSlots
  }

  var slotCount: Int { homes.count + scratchSlots.count }

  /// Whether the plan is one for values of these extents.
  func fits(_ inputs: [Value]) -> Bool {
    for (type, input) in zip(inputTypes, inputs) {
      guard case .tensor(let expected) = type, case .tensor(let given) = input else {
        if type == input.type { continue }
        return false
      }
      guard expected.element == given.elementType, expected.shape?.matches(given.shape) ?? false
      else { return false }
    }
    return true
  }
}

extension Shape {
  fileprivate func matches(_ extents: [Int]) -> Bool {
    guard rank == extents.count else { return false }
    for axis in 0..<rank where dimensions[axis] != .fixed(extents[axis]) { return false }
    return true
  }
}
