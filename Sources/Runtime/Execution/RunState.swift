/// The memory of one run of a plan: an arena and a table that says where each slot's bytes are.
final class RunState: @unchecked Sendable {
  let plan: Plan
  let table: UnsafeMutablePointer<UnsafeMutableRawPointer?>
  private let arena: TensorBuffer
  /// The values of slots that are not in the arena.
  let values: UnsafeMutablePointer<Value?>
  /// When the pool got it back last.
  var lastUse: UInt64 = 0

  init(_ plan: Plan) throws(ModelError) {
    self.plan = plan
    arena = try TensorBuffer(byteCount: plan.arenaBytes)
    table = .allocate(capacity: plan.slotCount)
    table.initialize(repeating: nil, count: plan.slotCount)
    values = .allocate(capacity: plan.homes.count)
    values.initialize(repeating: nil, count: plan.homes.count)
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

  deinit {
    table.deallocate()
    values.deinitialize(count: plan.homes.count)
    values.deallocate()
  }

  var byteCount: Int {
    arena.byteCount + plan.slotCount * MemoryLayout<UnsafeRawPointer>.stride
      + plan.homes.count * MemoryLayout<Value?>.stride
  }

  /// Lets go of everything that the run was given or has made.
  func clear() {
    for slot in plan.valueSlots { values[slot] = nil }
  }
}

extension Tensor {
  /// The first byte; `nil` for strings.
  var base: UnsafeMutableRawPointer? { bytes.map { $0.buffer.base + $0.offset } }
}
