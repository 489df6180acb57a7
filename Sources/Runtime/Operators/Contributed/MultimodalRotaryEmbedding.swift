import ModelFormat

/// `MRotaryEmbedding` of `com.microsoft`: ``RotaryEmbedding`` by three positions at once, each of which turns some of the
/// pairs.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `input` | `[batch, heads, time, size]`, or `[batch, time, heads·size]` | `f32`, `f16`, `bf16` |
/// | input  | `position_ids` | `[3, batch, time]`: in time, height and width | `i64` |
/// | input  | `cos_cache`, `sin_cache` | `[positions, d/2]` | type of `input` |
/// | output | `output` | of `input` | type of `input` |
/// | attr   | `mrope_section` | 3 numbers of pairs, d/2 in all | |
/// | attr   | `mrope_layout` | 0 (default): one section after the other; 1: every third pair by height, and by width, as far as these sections reach, and the others by time | |
/// | attr   | `interleaved`, `num_heads`, `rotary_embedding_dim` | as ``ContributedRotaryEmbedding`` | |
///
/// An input of three axes needs `num_heads`. Source: ONNX Runtime's contributed operator, version 1; Wang et al.,
/// "Qwen2-VL", 2024.
struct MultimodalRotaryEmbedding: ComposedOperator {
  private let isInterleaved: Bool
  private let heads: Int
  private let turned: Int
  /// For each pair, which of the positions turns it.
  private let sources: [Int]

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 4...4)
    isInterleaved = try node.bool("interleaved", default: false)
    heads = try node.int("num_heads", default: 0)
    guard heads >= 0 else {
      throw ModelError(.invalidAttribute, "num_heads is \(heads)", expected: "0 or more")
    }
    turned = try node.int("rotary_embedding_dim", default: 0)
    let sections = try node.ints("mrope_section")
    guard sections.count == 3, sections.allSatisfy({ (0...65_536).contains($0) }) else {
      throw ModelError(
        .invalidAttribute, "mrope_section is \(sections)",
        expected: "3 numbers of pairs, 0 or more")
    }
    guard turned == 0 || heads > 0 else {
      throw ModelError(
        .invalidAttribute, "rotary_embedding_dim is \(turned) without num_heads",
        expected: "num_heads")
    }
    if try node.bool("mrope_layout", default: false) {
      sources = (0..<sections.reduce(0, +)).map { pair in
        let place = pair % 3
        return place > 0 && pair < 3 * sections[place] ? place : 0
      }
    } else {
      sources = sections.indices.flatMap { Array(repeating: $0, count: sections[$0]) }
    }
  }

  func compose(_ parts: inout Composition) throws(ModelError) -> [Composition.Value?] {
    let x = try parts.input(0, of: StreamAxes.elements)
    guard x.rank != 3 || heads > 0 else {
      throw ModelError(
        .invalidAttribute, "input 0 is \(x.type) without num_heads",
        expected: "num_heads, or [batch, heads, time, size]")
    }
    let positions = try parts.input(1, of: [.i64], rank: 3)
    if let three = positions.shape?[0], !three.canBe(3) {
      throw ModelError(
        .shapeMismatch, "positions \(positions.type)", expected: "[3, batch, time]")
    }
    var tables: [Composition.Value] = []
    for index in [2, 3] {
      let cache = try parts.input(index, of: [x.element], rank: 2)
      if let pairs = cache.shape?[1], !pairs.canBe(.fixed(sources.count)) {
        throw ModelError(
          .shapeMismatch, "a cache of \(pairs) pairs for sections of \(sources.count)",
          expected: "as many")
      }
      tables.append(try chosen(&parts, cache, positions))
    }
    return [
      try parts(
        "RotaryEmbedding", x, tables[0], tables[1],
        attributes: [
          "interleaved": .int(isInterleaved ? 1 : 0), "num_heads": .int(Int64(heads)),
          "rotary_embedding_dim": .int(Int64(turned)),
        ])
    ]
  }

  /// `[batch, time, d/2]`: each pair of a cache at the position that turns it.
  private func chosen(
    _ parts: inout Composition, _ cache: Composition.Value, _ positions: Composition.Value
  ) throws(ModelError) -> Composition.Value {
    let rows = try parts("Gather", cache, positions, attributes: ["axis": .int(0)])
    let axis = try parts.integers([0])
    var planes: [Composition.Value] = []
    for piece in try parts.pieces(rows, axis: 0, sizes: [1, 1, 1]) {
      planes.append(try parts("Squeeze", piece, axis))
    }
    var result = planes[0]
    for place in [1, 2] where sources.contains(place) {
      let mask = parts.constant(try Tensor(sources.map { $0 == place }, shape: [sources.count]))
      result = try parts("Where", mask, planes[place], result)
    }
    return result
  }
}
