/// What `RNN`, `GRU` and `LSTM` have in common: attributes, types and extents.
///
/// |        | name              | shape                              |
/// |--------|-------------------|------------------------------------|
/// | input  | `X`               | `[time, batch, input]`             |
/// | input  | `W`               | `[directions, gates·hidden, input]` |
/// | input  | `R`               | `[directions, gates·hidden, hidden]` |
/// | input  | `B`               | `[directions, 2·gates·hidden]`, optional |
/// | input  | `sequence_lens`   | `i32 [batch]`, optional            |
/// | input  | `initial_h`       | `[directions, batch, hidden]`, optional |
/// | input  | `initial_c`, `P`  | `LSTM` only, optional              |
/// | output | `Y`               | `[time, directions, batch, hidden]` |
/// | output | `Y_h`, (`Y_c`)    | `[directions, batch, hidden]`      |
///
/// With `layout` 1 `batch` is the first axis of `X`, `Y` and the states. Elements are `f32`, `f64`, `f16` or `bf16`;
/// 16-bit floats are computed in `f32`. Steps past a row's length leave its state as it is and write zeros to `Y`; a row
/// without steps has states of zeros, which the standard leaves open and ONNX Runtime does.
/// Source: ONNX `RNN`, `GRU` and `LSTM`, opsets 1 to 22.
struct RecurrentLayer {
  enum Direction: String, CaseIterable { case forward, reverse, bidirectional }

  let gates: Int
  let states: Int
  let direction: Direction
  let isBatchFirst: Bool
  /// What the node says of the size of its states, which `R` tells, too.
  let hiddenSize: Int?
  /// Infinity if gates are not limited.
  let clip: Float
  let activations: [RecurrentActivation]

  var directions: Int { direction == .bidirectional ? 2 : 1 }
  var activationsPerDirection: Int { activations.count / directions }

  init(
    _ node: NodeReader, gates: Int, states: Int, activations: [RecurrentActivation.Function],
    isQuantized: Bool = false
  ) throws(ModelError) {
    if isQuantized {
      try node.require(inputs: 12...12, outputs: 0...(states + 1), optional: [3, 4, 5, 6, 7])
    } else {
      try node.require(inputs: 3...(states == 2 ? 8 : 6), outputs: 0...(states + 1))
    }
    self.gates = gates
    self.states = states
    let name = try node.choice(
      "direction", of: Direction.allCases.map(\.rawValue), default: Direction.forward.rawValue)
    direction = Direction(rawValue: name) ?? .forward
    isBatchFirst = try node.bool("layout", default: false)
    hiddenSize = node.has("hidden_size") ? try node.int("hidden_size") : nil
    clip = node.has("clip") ? try node.float("clip") : .infinity
    self.activations = try RecurrentActivation.read(
      node, defaults: activations, directions: direction == .bidirectional ? 2 : 1)
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let x = try inputs.tensor(0, of: ElementType.floats)
    let r = try inputs.tensor(2, of: [x.element])
    let w = try inputs.tensor(1, of: [x.element])
    try require(x.shape, rank: 3, "X")
    try require(r.shape, rank: 3, "R")
    let hidden = r.shape?[2] ?? .unknown
    if let hiddenSize, hiddenSize < 1 || !hidden.canBe(.fixed(hiddenSize)) {
      throw ModelError(
        .invalidAttribute, "attribute 'hidden_size' is \(hiddenSize)",
        expected: "\(hidden), as 'R' has it")
    }
    try check(w, 1, "W", [.fixed(directions), .fixed(gates) * hidden, x.shape?[2] ?? .unknown])
    try check(r, 2, "R", [.fixed(directions), .fixed(gates) * hidden, hidden])
    let time = x.shape?[isBatchFirst ? 1 : 0] ?? .unknown
    let batch = x.shape?[isBatchFirst ? 0 : 1] ?? .unknown
    if let b = try inputs.optionalTensor(3) {
      try check(b, 3, "B", [.fixed(directions), .fixed(2 * gates) * hidden])
    }
    if let lengths = try inputs.optionalTensor(4) {
      guard lengths.element == .i32 else {
        throw ModelError(
          .elementTypeMismatch, "'sequence_lens' of \(lengths.element)", expected: "i32")
      }
      try check(lengths, 4, "sequence_lens", [batch])
    }
    let state: Shape =
      isBatchFirst ? [batch, .fixed(directions), hidden] : [.fixed(directions), batch, hidden]
    for index in 0..<states {
      if let initial = try inputs.optionalTensor(5 + index) {
        try check(initial, 5 + index, index == 0 ? "initial_h" : "initial_c", state)
      }
    }
    if states == 2, let p = try inputs.optionalTensor(7) {
      try check(p, 7, "P", [.fixed(directions), .fixed(3) * hidden])
    }
    let y: Shape =
      isBatchFirst
      ? [batch, time, .fixed(directions), hidden] : [time, .fixed(directions), batch, hidden]
    return [.tensor(x.element, y)]
      + Array(repeating: .tensor(x.element, state), count: states)
  }

  private func require(_ shape: Shape?, rank: Int, _ name: String) throws(ModelError) {
    guard let shape, shape.rank != rank else { return }
    throw ModelError(
      .shapeMismatch, "'\(name)' of shape \(shape)", expected: "a tensor of rank \(rank)")
  }

  private func check(
    _ type: TensorType, _ index: Int, _ name: String, _ expected: Shape
  ) throws(ModelError) {
    guard let shape = type.shape else { return }
    let fits =
      shape.rank == expected.rank
      && zip(shape.dimensions, expected.dimensions).allSatisfy { $0.canBe($1) }
    guard fits else {
      throw ModelError(
        .shapeMismatch, "'\(name)' (input \(index)) of shape \(shape)", expected: "\(expected)")
    }
  }
}

/// The extents of a recurrent layer, and where things are in its operands.
struct RecurrentExtents: Sendable {
  let time: Int
  let batch: Int
  let input: Int
  let hidden: Int
  let gates: Int
  let directions: Int
  let isBatchFirst: Bool

  /// - Parameter hiddenAxis: The axis of `R` that has one element for each of the state.
  init(_ layer: RecurrentLayer, _ io: NodeIO, hiddenAxis: Int = 2) throws(ModelError) {
    let x = try io.input(0).shape
    time = x[layer.isBatchFirst ? 1 : 0]
    batch = x[layer.isBatchFirst ? 0 : 1]
    input = x[2]
    hidden = try io.input(2).shape[hiddenAxis]
    gates = layer.gates
    directions = layer.directions
    isBatchFirst = layer.isBatchFirst
  }

  /// Gates of one row.
  var width: Int { gates * hidden }

  /// The row of `X` of one step of one sequence.
  func row(_ step: Int, _ sequence: Int) -> Int {
    isBatchFirst ? sequence * time + step : step * batch + sequence
  }

  /// The first element of `Y` of one step.
  func y(_ step: Int, _ direction: Int, _ sequence: Int) -> Int {
    isBatchFirst
      ? ((sequence * time + step) * directions + direction) * hidden
      : ((step * directions + direction) * batch + sequence) * hidden
  }

  /// The first element of a state.
  func state(_ direction: Int, _ sequence: Int) -> Int {
    (isBatchFirst ? sequence * directions + direction : direction * batch + sequence) * hidden
  }
}
