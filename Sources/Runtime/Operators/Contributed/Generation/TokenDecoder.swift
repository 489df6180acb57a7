import ModelFormat

/// Something that scores the next token of several texts, and goes on with those that are chosen.
protocol TokenDecoder {
  /// The scores of each row's next token.
  mutating func scores() throws(ModelError) -> [[Float]]

  /// - Parameters:
  ///   - tokens: The new last token of each row.
  ///   - rows: The row that each row goes on from.
  ///   - texts: The texts with their new tokens.
  mutating func advance(_ tokens: [Int32], from rows: [Int], _ texts: [[Int32]])
    throws(ModelError)
}

/// A decoder that is a subgraph with a cache: (ids, positions, mask, pasts …) → (logits, presents …).
///
/// Ids, positions and mask are `[rows, time]` of `i32`, a past `[2, rows, heads, time, size]`.
struct CachedDecoder: TokenDecoder {
  private let call: ValueCall
  private let settings: SearchSettings
  private var ids: [[Int32]]
  private var positions: [[Int32]]
  private var mask: [[Int32]]
  /// The position of each row's next token.
  private var next: [Int32]
  private var pasts: [Value] = []
  private var isFirst = true

  /// - Parameters:
  ///   - texts: The rows' tokens, equally many.
  ///   - mask: 0 for what does not count; by default for padding.
  init(
    _ call: ValueCall, _ settings: SearchSettings, _ texts: [[Int32]], mask given: [[Int32]]?
  ) throws(ModelError) {
    self.call = call
    self.settings = settings
    ids = texts
    mask = given ?? texts.map { $0.map { $0 == settings.padding ? 0 : 1 } }
    next = []
    positions = []
    for row in mask {
      var position: Int32 = 0
      positions.append(
        row.map { counts in
          defer { position += counts == 0 ? 0 : 1 }
          return counts == 0 ? 0 : position
        })
      next.append(position)
    }
    pasts = try emptyPasts()
  }

  private func emptyPasts() throws(ModelError) -> [Value] {
    try call.inputTypes(of: settings.first ?? settings.decoder).dropFirst(3).map {
      (type) throws(ModelError) -> Value in
      guard let tensor = type?.tensorType, let shape = tensor.shape, shape.rank == 5,
        shape[0] == 2, let heads = shape[2].value, let size = shape[4].value
      else {
        throw ModelError(
          .shapeMismatch, "a decoder with a past \(type.map { "\($0)" } ?? "of unknown type")",
          expected: "[2, batch, heads, time, size] with known heads and size")
      }
      return .tensor(try Tensor.zeros(tensor.element, shape: [2, ids.count, heads, 0, size]))
    }
  }

  mutating func scores() throws(ModelError) -> [[Float]] {
    let given = try [ids, positions, mask].map { (rows) throws(ModelError) in
      Value.tensor(try Tensor(rows.flatMap { $0 }, shape: [rows.count, rows[0].count]))
    }
    let graph = isFirst ? settings.first ?? settings.decoder : settings.decoder
    let outputs = try call.run(graph, given + pasts)
    guard outputs.count == pasts.count + 1 else {
      throw ModelError(
        .arityMismatch, "a decoder with \(outputs.count) outputs",
        expected: "logits and \(pasts.count) presents")
    }
    pasts = Array(outputs.dropFirst())
    isFirst = false
    return try outputs[0].lastScores(rows: ids.count, vocabulary: settings.vocabulary)
  }

  mutating func advance(
    _ tokens: [Int32], from rows: [Int], _ texts: [[Int32]]
  ) throws(ModelError) {
    ids = tokens.map { [$0] }
    positions = next.map { [$0] }
    next = next.map { $0 + 1 }
    for row in mask.indices { mask[row].append(1) }
    if rows != Array(rows.indices) {
      pasts = try pasts.map { (past) throws(ModelError) in try past.picking(rows, axis: 1) }
    }
  }
}

/// An encoder and a decoder: the encoder makes the first scores, and the caches that the decoder goes on with.
///
/// Encoder: (ids, mask, start) → (logits, state, presents …), the first half of the presents those of the text itself.
/// Decoder: (ids, mask, state if it has one, pasts …) → (logits, presents of the text itself …). A past is
/// `[rows, heads, time, size]`.
struct EncodedDecoder: TokenDecoder {
  private let call: ValueCall
  private let settings: SearchSettings
  private let beams: Int
  private var first: [[Float]]?
  private var ids: [[Int32]] = []
  private let mask: Value
  /// What the encoder made beside its logits, as far as the decoder takes it.
  private var state: [Value] = []
  private var pasts: [Value]
  /// Whether the decoder takes the whole text each time.
  private let takesTexts: Bool

  init(
    _ call: ValueCall, _ settings: SearchSettings, encoder: GraphID, _ texts: [[Int32]],
    mask given: [[Int32]]?, beams: Int
  ) throws(ModelError) {
    (self.call, self.settings, self.beams) = (call, settings, beams)
    // Only padding before the text does not count: a text may end with it.
    let counts =
      given
      ?? texts.map { row in
        let start = row.firstIndex { $0 != settings.padding } ?? row.count
        return row.indices.map { $0 < start ? 0 : 1 }
      }
    let shape = [texts.count, texts[0].count]
    let tokens = Value.tensor(try Tensor(texts.flatMap { $0 }, shape: shape))
    let own = Value.tensor(try Tensor(counts.flatMap { $0 }, shape: shape))
    let starts = try Tensor(
      [Int32](repeating: settings.start, count: texts.count), shape: [texts.count, 1])
    let outputs = try call.run(encoder, [tokens, own, .tensor(starts)])
    guard outputs.count >= 6, (outputs.count - 2) % 4 == 0 else {
      throw ModelError(
        .arityMismatch, "an encoder with \(outputs.count) outputs",
        expected: "logits, a state, and 4 presents for each layer")
    }
    let spread = texts.indices.flatMap { Array(repeating: $0, count: beams) }
    let scores = try outputs[0].lastScores(rows: texts.count, vocabulary: settings.vocabulary)
    first = spread.map { scores[$0] }
    mask = try own.picking(spread, axis: 0)
    pasts = try outputs.dropFirst(2).map { (past) throws(ModelError) in
      try past.picking(spread, axis: 0)
    }
    let types = call.inputTypes(of: settings.decoder)
    if types.count == pasts.count + 3 { state = [try outputs[1].picking(spread, axis: 0)] }
    takesTexts = types.first??.tensorType?.shape?.dimensions.last != 1
  }

  mutating func scores() throws(ModelError) -> [[Float]] {
    if let scores = first {
      first = nil
      return scores
    }
    let tokens = Value.tensor(
      try Tensor(ids.flatMap { $0 }, shape: [ids.count, ids.first?.count ?? 0]))
    let outputs = try call.run(settings.decoder, [tokens, mask] + state + pasts)
    let own = pasts.count / 2
    guard outputs.count == own + 1 else {
      throw ModelError(
        .arityMismatch, "a decoder with \(outputs.count) outputs",
        expected: "logits and \(own) presents")
    }
    pasts.replaceSubrange(0..<own, with: outputs.dropFirst())
    return try outputs[0].lastScores(rows: ids.count, vocabulary: settings.vocabulary)
  }

  mutating func advance(
    _ tokens: [Int32], from rows: [Int], _ texts: [[Int32]]
  ) throws(ModelError) {
    ids = takesTexts ? texts : tokens.map { [$0] }
    guard rows != Array(rows.indices) else { return }
    for index in 0..<pasts.count / 2 { pasts[index] = try pasts[index].picking(rows, axis: 0) }
  }
}

extension Value {
  /// The last logits of each row of `[rows, time, vocabulary]`.
  fileprivate func lastScores(rows: Int, vocabulary: Int?) throws(ModelError) -> [[Float]] {
    guard let tensor, tensor.shape.count == 3, tensor.shape[0] == rows, tensor.shape[1] > 0,
      tensor.shape[2] > 0
    else {
      throw ModelError(
        .shapeMismatch, "logits \(type)", expected: "[\(rows), time, vocabulary]")
    }
    let wide = tensor.elementType == .f32 ? tensor : try OperatorCall.cast(tensor, to: .f32)
    let values = try wide.array(of: Float.self)
    let (time, width) = (tensor.shape[1], tensor.shape[2])
    return (0..<rows).map { row in
      let start = (row * time + time - 1) * width
      return Array(values[start..<start + min(width, vocabulary ?? width)])
    }
  }

  /// Some of a tensor's slices along `axis`, in another order.
  fileprivate func picking(_ places: [Int], axis: Int) throws(ModelError) -> Value {
    guard let tensor, axis < tensor.shape.count else {
      throw ModelError(.elementTypeMismatch, "a state \(type)", expected: "a tensor")
    }
    let node = Node(
      "Gather", inputs: [ValueID(0), ValueID(1)], outputs: [ValueID(2)],
      attributes: [Attribute("axis", .int(Int64(axis)))])
    let gather = try Gather(NodeReader(node, opset: 13))
    let indices = try Tensor(places.map(Int64.init), shape: [places.count])
    return try OperatorCall.evaluate(gather, [.tensor(tensor), .tensor(indices)], outputCount: 1)[0]
  }
}
