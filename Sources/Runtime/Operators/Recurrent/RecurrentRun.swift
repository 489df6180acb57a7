import CKernels

/// One cell type: what it does with the gates of one row at one step.
protocol RecurrentCell: Sendable {
  /// Rows of the groups of gates that are multiplied with the state together.
  func groups(_ hidden: Int) -> [Int]
  /// The bias that is added to the gates at once; what is left out the cell adds itself.
  func bias<T: FloatElement>(
    _ b: UnsafePointer<T>, _ extents: RecurrentExtents, into sum: UnsafeMutablePointer<T>)
  /// Steps all rows whose sequences have not ended.
  ///
  /// `gates` holds `X Wᵀ` and the bias, `[batch, gates·hidden]`, and may be overwritten.
  func step<T: FloatElement>(_ step: borrowing RecurrentStep<T>)
}

/// The memory of one step of one direction.
struct RecurrentStep<T: FloatElement>: ~Copyable {
  let extents: RecurrentExtents
  let direction: Int
  let weights: any RecurrentProducts
  let matrices: RecurrentMatrices
  let gates: UnsafeMutablePointer<T>
  /// `[batch, hidden]`
  let h: UnsafeMutablePointer<T>
  let c: UnsafeMutablePointer<T>
  /// `[batch, gates·hidden]` for the cell's own use.
  let spare: UnsafeMutablePointer<T>
  /// The direction's part of `B`, `[2·gates·hidden]`.
  let bias: UnsafePointer<T>?
  /// The direction's part of `P`, `[3·hidden]`.
  let peepholes: UnsafePointer<T>?
  /// Rows to step.
  let active: [Int]
}

/// Runs a recurrent layer: the products with `X` all at once, then step by step.
struct RecurrentRun<Cell: RecurrentCell>: Sendable {
  let layer: RecurrentDirections
  let extents: RecurrentExtents
  let cells: [Cell]
  let inputWeights: any RecurrentProducts
  let stateWeights: any RecurrentProducts
  let has: Set<Int>
  let wants: Set<Int>
  let states: Int
  let isWide: Bool

  init(
    _ layer: RecurrentLayer, _ io: NodeIO, cells: [Cell]
  ) throws(ModelError) {
    let extents = try RecurrentExtents(layer, io)
    func weights(_ operand: Int, _ groups: [Int]) throws(ModelError) -> any RecurrentProducts {
      if try io.input(operand).element == .f64 {
        return try WideRecurrentWeights(io, operand: operand, groups: groups)
      }
      return try RecurrentWeights(
        io, operand: operand, groups: groups, directions: extents.directions)
    }
    try self.init(
      layer, io, cells: cells, extents, inputWeights: weights(1, [extents.width]),
      stateWeights: weights(2, cells[0].groups(extents.hidden)))
  }

  init(
    _ layer: RecurrentLayer, _ io: NodeIO, cells: [Cell], _ extents: RecurrentExtents,
    inputWeights: any RecurrentProducts, stateWeights: any RecurrentProducts
  ) throws(ModelError) {
    self.layer = RecurrentDirections(layer.direction)
    self.extents = extents
    self.cells = cells
    self.inputWeights = inputWeights
    self.stateWeights = stateWeights
    has = Set(io.inputs.indices.filter { io.inputs[$0] != nil })
    wants = Set(io.outputs.indices.filter { io.outputs[$0] != nil })
    states = layer.states
    isWide = try io.input(0).element == .f64
  }

  func kernel(_ name: String) -> Kernel {
    isWide ? kernel(name, Double.self) : kernel(name, Float.self)
  }

  private func kernel<T: FloatElement>(_ name: String, _ type: T.Type) -> Kernel {
    let weightBytes = inputWeights.scratchBytes + stateWeights.scratchBytes
    let bytes = weightBytes + RecurrentMemory<T>.count(extents) * MemoryLayout<T>.stride
    return Kernel("\(name)_\(T.elementType)", scratchBytes: max(bytes, 64)) {
      (context) throws(ModelError) in try self.run(context, type)
    }
  }

  private func run<T: FloatElement>(
    _ context: borrowing KernelContext, _ type: T.Type
  ) throws(ModelError) {
    let lengths = try self.lengths(context)
    let w = inputWeights.matrices(context, scratch: context.scratch)
    let r = stateWeights.matrices(context, scratch: context.scratch + inputWeights.scratchBytes)
    let memory = RecurrentMemory<T>(
      extents, at: context.scratch + inputWeights.scratchBytes + stateWeights.scratchBytes)
    let rows = extents.time * extents.batch
    if wants.contains(0), extents.time > 0 {
      context.output(0, as: T.self).update(
        repeating: 0, count: rows * extents.directions * extents.hidden)
    }
    // Steps that no sequence has are left alone: where time comes first they stand at the end.
    let used = extents.isBatchFirst ? rows : (lengths.max() ?? 0) * extents.batch
    for direction in 0..<extents.directions {
      let bias =
        has.contains(3) ? context.input(3, as: T.self) + direction * 2 * extents.width : nil
      if let bias { cells[direction].bias(bias, extents, into: memory.sum) }
      inputWeights.multiply(
        w, direction: direction, rows: used, context.input(0), into: memory.all,
        stride: extents.width, bias: bias == nil ? nil : UnsafePointer(memory.sum),
        threads: context.threads)
      load(5, direction, lengths, into: memory.h, context)
      load(6, direction, lengths, into: memory.c, context)
      step(direction, lengths, r, memory, bias: bias, context)
      store(1, direction, memory.h, context)
      if states == 2 { store(2, direction, memory.c, context) }
    }
  }

  /// Takes all steps of one direction, whose products with `X` stand in `memory.all`.
  private func step<T: FloatElement>(
    _ direction: Int, _ lengths: [Int], _ matrices: RecurrentMatrices,
    _ memory: RecurrentMemory<T>, bias: UnsafePointer<T>?, _ context: borrowing KernelContext
  ) {
    let everyone = Array(0..<extents.batch)
    let shortest = lengths.min() ?? 0
    let width = extents.width
    let peepholes =
      has.contains(7) ? context.input(7, as: T.self) + direction * 3 * extents.hidden : nil
    for step in 0..<extents.time {
      let active = step < shortest ? everyone : everyone.filter { step < lengths[$0] }
      if active.isEmpty { break }
      for row in active {
        let at = layer.time(step, direction, lengths[row])
        (memory.gates + row * width).update(
          from: memory.all + extents.row(at, row) * width, count: width)
      }
      cells[direction].step(
        RecurrentStep(
          extents: extents, direction: direction, weights: stateWeights, matrices: matrices,
          gates: memory.gates, h: memory.h, c: memory.c, spare: memory.spare, bias: bias,
          peepholes: peepholes, active: active))
      guard wants.contains(0) else { continue }
      for row in active {
        let at = layer.time(step, direction, lengths[row])
        (context.output(0, as: T.self) + extents.y(at, direction, row)).update(
          from: memory.h + row * extents.hidden, count: extents.hidden)
      }
    }
  }

  private func lengths(_ context: borrowing KernelContext) throws(ModelError) -> [Int] {
    guard has.contains(4) else { return Array(repeating: extents.time, count: extents.batch) }
    let given = context.input(4, as: Int32.self)
    let lengths = (0..<extents.batch).map { Int(given[$0]) }
    for (row, length) in lengths.enumerated() where length < 0 || length > extents.time {
      throw ModelError(
        .outOfRange, "sequence #\(row) of length \(length)", expected: "0 ... \(extents.time)")
    }
    return lengths
  }

  /// Takes the states of the rows that have steps; those of the others are 0, at the end, too.
  private func load<T: FloatElement>(
    _ operand: Int, _ direction: Int, _ lengths: [Int], into state: UnsafeMutablePointer<T>,
    _ context: borrowing KernelContext
  ) {
    for row in 0..<extents.batch {
      let target = state + row * extents.hidden
      if operand < 5 + states, has.contains(operand), lengths[row] > 0 {
        let source = context.input(operand, as: T.self) + extents.state(direction, row)
        target.update(from: source, count: extents.hidden)
      } else {
        target.update(repeating: 0, count: extents.hidden)
      }
    }
  }

  private func store<T: FloatElement>(
    _ output: Int, _ direction: Int, _ state: UnsafeMutablePointer<T>,
    _ context: borrowing KernelContext
  ) {
    guard wants.contains(output) else { return }
    for row in 0..<extents.batch {
      (context.output(output, as: T.self) + extents.state(direction, row)).update(
        from: state + row * extents.hidden, count: extents.hidden)
    }
  }
}

/// Scratch memory of a run.
private struct RecurrentMemory<T: FloatElement> {
  /// Gates of all steps, `[time·batch, gates·hidden]`.
  let all: UnsafeMutablePointer<T>
  /// Those of one step, and as many for the cell's own use.
  let gates: UnsafeMutablePointer<T>
  let spare: UnsafeMutablePointer<T>
  /// Biases that are added at once, `[gates·hidden]`.
  let sum: UnsafeMutablePointer<T>
  /// States, `[batch, hidden]`.
  let h: UnsafeMutablePointer<T>
  let c: UnsafeMutablePointer<T>

  init(_ extents: RecurrentExtents, at start: UnsafeMutableRawPointer) {
    all = start.assumingMemoryBound(to: T.self)
    gates = all + extents.time * extents.batch * extents.width
    spare = gates + extents.batch * extents.width
    sum = spare + extents.batch * extents.width
    h = sum + extents.width
    c = h + extents.batch * extents.hidden
  }

  /// Elements of all parts.
  static func count(_ extents: RecurrentExtents) -> Int {
    let rows = (extents.time + 2) * extents.batch + 1
    return rows * extents.width + 2 * extents.batch * extents.hidden
  }
}

/// The order in which each direction takes the steps.
struct RecurrentDirections: Sendable {
  private let reversed: [Bool]

  init(_ direction: RecurrentLayer.Direction) {
    switch direction {
    case .forward: reversed = [false]
    case .reverse: reversed = [true]
    case .bidirectional: reversed = [false, true]
    }
  }

  /// The place in time of a step of a sequence of `length` steps.
  func time(_ step: Int, _ direction: Int, _ length: Int) -> Int {
    reversed[direction] ? length - 1 - step : step
  }
}
