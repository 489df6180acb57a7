import Synchronization

/// The plans of a program, one for each set of extents, the most recently used first. Each keeps its arenas, so that there
/// is an end to how many are kept.
final class PlanCache: Sendable {
  private static let capacity = 32
  private let plans = Mutex<[Plan]>([])

  func plan(
    for inputs: [Value], make: () throws(ModelError) -> Plan
  ) throws(ModelError) -> Plan {
    let known = plans.withLock { plans -> Plan? in
      guard let index = plans.firstIndex(where: { $0.fits(inputs) }) else { return nil }
      let plan = plans[index]
      if index > 0 {
        plans.remove(at: index)
        plans.insert(plan, at: 0)
      }
      return plan
    }
    if let known { return known }
    let plan = try make()
    plans.withLock { plans in
      if plans.count == Self.capacity { plans.removeLast() }
      plans.insert(plan, at: 0)
    }
    return plan
  }
}
