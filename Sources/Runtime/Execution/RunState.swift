import Synchronization

/// The memory of one run of a plan: an arena and a table that says where each slot's bytes are.
final class RunState: @unchecked Sendable {
  let table: UnsafeMutablePointer<UnsafeMutableRawPointer?>
  private let slotCount: Int
  private let arena: TensorBuffer
  /// The values of slots that are not in the arena.
  var values: [Value?]

  init(_ plan: Plan) throws(ModelError) {
    arena = try TensorBuffer(byteCount: plan.arenaBytes)
    slotCount = plan.slotCount
    table = .allocate(capacity: slotCount)
    table.initialize(repeating: nil, count: slotCount)
    values = Array(repeating: nil, count: plan.homes.count)
    for (slot, home) in plan.homes.enumerated() {
      switch home {
      case .constant(let tensor): table[slot] = tensor.base
      case .arena(let offset): table[slot] = arena.base + offset
      case .none, .value, .output, .alias: break
      }
    }
    for (slot, offset) in plan.scratchSlots { table[slot] = arena.base + offset }
    for (slot, home) in plan.homes.enumerated() {
      if case .alias(let root) = home { table[slot] = table[root] }
    }
  }

  deinit { table.deallocate() }
}

/// States of a plan that nobody is using; there are as many as runs were under way at once.
final class StatePool: Sendable {
  private let states = Mutex<[RunState]>([])

  func take(_ plan: Plan) throws(ModelError) -> RunState {
    if let state = states.withLock({ $0.popLast() }) { return state }
    return try RunState(plan)
  }

  func put(_ state: RunState) { states.withLock { $0.append(state) } }
}

extension Tensor {
  /// The first byte; `nil` for strings.
  var base: UnsafeMutableRawPointer? { bytes.map { $0.buffer.base + $0.offset } }
}
