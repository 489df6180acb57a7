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

  /// Elements of scratch memory: gates of all steps, of one step, spare, bias, two states.
  private var floats: Int {
    let (rows, width) = (extents.time * extents.batch, extents.width)
    return rows * width + 2 * extents.batch * width + width + 2 * extents.batch * extents.hidden
  }

  func kernel(_ name: String) -> Kernel {
    isWide ? kernel(name, Double.self) : kernel(name, Float.self)
  }

  private func kernel<T: FloatElement>(_ name: String, _ type: T.Type) -> Kernel {
    let weightBytes = inputWeights.scratchBytes + stateWeights.scratchBytes
    let bytes = weightBytes + floats * MemoryLayout<T>.stride
    return Kernel("\(name)_\(T.elementType)", scratchBytes: max(bytes, 64)) {
      (context) throws(ModelError) in try self.run(context, type)
    }
  }

  private func run<T: FloatElement>(
    _ context: borrowing KernelContext, _ type: T.Type
  ) throws(ModelError) {
    let lengths = try self.lengths(context)
    let everyone = Array(0..<extents.batch)
    let shortest = lengths.min() ?? 0
    let w = inputWeights.matrices(context, scratch: context.scratch)
    let r = stateWeights.matrices(
      context, scratch: context.scratch + inputWeights.scratchBytes)
    var floats = (context.scratch + inputWeights.scratchBytes + stateWeights.scratchBytes)
      .assumingMemoryBound(to: T.self)
    func take(_ count: Int) -> UnsafeMutablePointer<T> {
      defer { floats += count }
      return floats
    }
    let (rows, width) = (extents.time * extents.batch, extents.width)
    let all = take(rows * width)
    let gates = take(extents.batch * width)
    let spare = take(extents.batch * width)
    let sum = take(width)
    let h = take(extents.batch * extents.hidden)
    let c = take(extents.batch * extents.hidden)
    if wants.contains(0), extents.time > 0 {
      context.output(0, as: T.self).update(
        repeating: 0, count: rows * extents.directions * extents.hidden)
    }
    // Steps that no sequence has are left alone: where time comes first they stand at the end.
    let used = extents.isBatchFirst ? rows : (lengths.max() ?? 0) * extents.batch
    for direction in 0..<extents.directions {
      let cell = cells[direction]
      let bias = has.contains(3) ? context.input(3, as: T.self) + direction * 2 * width : nil
      if let bias { cell.bias(bias, extents, into: sum) }
      inputWeights.multiply(
        w, direction: direction, rows: used, context.input(0), into: all, stride: width,
        bias: bias == nil ? nil : UnsafePointer(sum), threads: context.threads)
      load(5, direction, into: h, context)
      load(6, direction, into: c, context)
      let peepholes =
        has.contains(7) ? context.input(7, as: T.self) + direction * 3 * extents.hidden : nil
      for step in 0..<extents.time {
        let active = step < shortest ? everyone : everyone.filter { step < lengths[$0] }
        if active.isEmpty { break }
        for row in active {
          let at = layer.time(step, direction, lengths[row])
          (gates + row * width).update(from: all + extents.row(at, row) * width, count: width)
        }
        cell.step(
          RecurrentStep(
            extents: extents, direction: direction, weights: stateWeights, matrices: r,
            gates: gates, h: h, c: c, spare: spare, bias: bias, peepholes: peepholes,
            active: active))
        guard wants.contains(0) else { continue }
        for row in active {
          let at = layer.time(step, direction, lengths[row])
          (context.output(0, as: T.self) + extents.y(at, direction, row)).update(
            from: h + row * extents.hidden, count: extents.hidden)
        }
      }
      store(1, direction, h, context)
      if states == 2 { store(2, direction, c, context) }
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

  private func load<T: FloatElement>(
    _ operand: Int, _ direction: Int, into state: UnsafeMutablePointer<T>,
    _ context: borrowing KernelContext
  ) {
    for row in 0..<extents.batch {
      let target = state + row * extents.hidden
      if operand < 5 + states, has.contains(operand) {
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
