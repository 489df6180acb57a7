/// The plans of a session, and the memory of runs that are over, kept for the next ones.
///
/// There is a state for each run that is under way. What lies idle is bounded: beyond `capacity` bytes the states that
/// were used longest ago go, but never the one that was used last.
final class RunPool: Sendable {
  /// The most plans of one program.
  private static let mostPlans = 32

  private let contents = Lock(PoolContents())
  private let capacity: Int

  init(capacity: Int) { self.capacity = capacity }

  /// A state for values of these extents, which belongs to the caller until it is put back.
  ///
  /// - Parameter make: Makes the plan if there is none yet. Two threads may both make one.
  func take(
    _ program: Program, _ inputs: [Value], make: () throws(ModelError) -> Plan
  ) throws(ModelError) -> RunState {
    let known = contents.withLock { $0.take(program) { $0.fits(inputs) } }
    if let state = known.state { return state }
    if let plan = known.plan { return try RunState(plan) }
    return try RunState(keep(try make()))
  }

  /// Has a plan and an idle state for values of these types.
  func prepare(
    _ program: Program, _ types: [ValueType],
    make: ([ValueType]) throws(ModelError) -> Plan
  ) throws(ModelError) {
    let known = contents.withLock { $0.take(program) { $0.inputTypes == types } }
    if let state = known.state { return put(state) }
    if let plan = known.plan { return put(try RunState(plan)) }
    put(try RunState(keep(try make(types))))
  }

  /// Keeps a plan, perhaps in the place of another one.
  private func keep(_ plan: Plan) -> Plan {
    let dropped = contents.withLock { $0.keep(plan, atMost: Self.mostPlans) }
    withExtendedLifetime(dropped) {}
    return plan
  }

  func put(_ state: RunState) {
    // What is dropped is freed after the lock.
    let dropped = contents.withLock { $0.put(state, capacity) }
    withExtendedLifetime(dropped) {}
  }

  /// Bytes that idle states take.
  var idleBytes: Int { contents.withLock { $0.idleBytes } }

  /// Lets all idle states go; plans stay.
  func releaseIdle() {
    let dropped = contents.withLock { $0.removeIdle(downTo: 0) }
    withExtendedLifetime(dropped) {}
  }
}

/// What is kept for one program, the most recently used last.
private final class Shelf {
  var plans: [Plan] = []
  var idle: [RunState] = []

  /// Moves a plan behind all others.
  func touch(_ plan: Plan) {
    guard plans.last !== plan, let index = plans.firstIndex(where: { $0 === plan }) else { return }
    plans.append(plans.remove(at: index))
  }
}

private struct PoolContents {
  // Each plan keeps its program, so that no other program has the same identity.
  private var shelves: [ObjectIdentifier: Shelf] = [:]
  private(set) var idleBytes = 0
  private var uses: UInt64 = 0

  /// An idle state whose plan fits, or else such a plan.
  mutating func take(
    _ program: Program, where fits: (Plan) -> Bool
  ) -> (state: RunState?, plan: Plan?) {
    guard let shelf = shelves[ObjectIdentifier(program)] else { return (nil, nil) }
    if let index = shelf.idle.lastIndex(where: { fits($0.plan) }) {
      let state = shelf.idle.remove(at: index)
      idleBytes -= state.byteCount
      return (state, nil)
    }
    return (nil, shelf.plans.last(where: fits))
  }

  /// - Returns: States of a plan that is no longer kept.
  mutating func keep(_ plan: Plan, atMost limit: Int) -> [RunState] {
    let shelf = shelf(of: plan)
    shelf.plans.append(plan)
    guard shelf.plans.count > limit else { return [] }
    let old = shelf.plans.removeFirst()
    return remove(from: shelf) { $0.plan === old }
  }

  /// - Returns: States that are no longer kept.
  mutating func put(_ state: RunState, _ capacity: Int) -> [RunState] {
    uses += 1
    state.lastUse = uses
    let shelf = shelf(of: state.plan)
    shelf.touch(state.plan)
    var dropped: [RunState] = []
    if idleBytes + state.byteCount > capacity {
      // To half of it, so that it is some time until the next search.
      dropped = removeIdle(downTo: max(0, capacity / 2 - state.byteCount))
    }
    idleBytes += state.byteCount
    shelf.idle.append(state)
    return dropped
  }

  /// Removes the states that were used longest ago.
  mutating func removeIdle(downTo bytes: Int) -> [RunState] {
    let byUse = shelves.values.flatMap(\.idle).sorted { $0.lastUse < $1.lastUse }
    var left = idleBytes
    var newest: UInt64 = 0
    for state in byUse where left > bytes {
      left -= state.byteCount
      newest = state.lastUse
    }
    return shelves.values.flatMap { remove(from: $0) { $0.lastUse <= newest } }
  }

  private mutating func remove(
    from shelf: Shelf, where isOld: (RunState) -> Bool
  ) -> [RunState] {
    let old = shelf.idle.filter(isOld)
    guard !old.isEmpty else { return [] }
    shelf.idle.removeAll(where: isOld)
    for state in old { idleBytes -= state.byteCount }
    return old
  }

  private mutating func shelf(of plan: Plan) -> Shelf {
    let key = ObjectIdentifier(plan.source)
    if let shelf = shelves[key] { return shelf }
    let shelf = Shelf()
    shelves[key] = shelf
    return shelf
  }
}
