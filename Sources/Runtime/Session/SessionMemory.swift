// What a session keeps between runs.
extension Session {
  /// Bytes of working memory that no run uses at the moment.
  public var idleMemory: Int { pool.idleBytes }

  /// Gives all working memory that no run uses back to the system. The next run takes what it needs again.
  public func releaseIdleMemory() { pool.releaseIdle() }

  /// Does before the first run what is done once for each set of extents: plans, packs weights, takes memory.
  ///
  /// - Parameter extents: A number for each symbol of the input types, such as `["batch": 1, "sequence": 128]`, or for an
  ///   axis of an input, such as `["x.0": 1]`; 1 for all that are open and not named.
  /// - Throws: A refusal of these extents; `.invalidRequest` for a symbol or an axis that no input has.
  public func prepare(extents: [String: Int] = [:]) throws(ModelError) {
    do throws(ModelError) {
      try model.requireOpenExtents(extents)
      try pool.prepare(program, try inputTypes(extents, other: 1)) { (types) throws(ModelError) in
        try PlanBuilder.plan(program, inputTypes: types, threads: threads)
      }
    } catch { throw error.at(file: model.fileName) }
  }

  /// The types of what the program takes with a number for each extent.
  func inputTypes(_ extents: [String: Int], other: Int) throws(ModelError) -> [ValueType] {
    let numbers = InputExtents(numbers: extents, other: other)
    return try taken.map { (input) throws(ModelError) in
      guard let type = input.type else {
        throw ModelError(.elementTypeMismatch, "input '\(input.name)' has no declared type")
      }
      return numbers.bind(type, of: input.name)
    }
  }
}
