import ModelFormat

/// `Attention` of `com.microsoft`: attention of a sequence to itself, from one product with all weights.
///
///     [q, k, v] = input · weights + bias;   y = softmax(q·kᵀ · scale + mask + attention bias) · v
///
/// |        | name      | shape | element types |
/// |--------|-----------|-------|---------------|
/// | input  | `input`   | `[batch, queries, input size]` | `f32` |
/// | input  | `weights` | `[input size, sizes of q, k and v]` | `f32` |
/// | input  | `bias`, optional | `[sizes of q, k and v]` | `f32` |
/// | input  | `mask_index`, `attention_bias`, optional | see ``AttentionBias`` | `i32`, `f32` |
/// | input  | `past`, optional | `[2, batch, heads, past, size]` | `f32` |
/// | output | `output`  | `[batch, queries, size of v]` | `f32` |
/// | output | `present` | `[2, batch, heads, keys, size]` | `f32` |
/// | attr   | `num_heads`, `unidirectional`, `qkv_hidden_sizes`, `mask_filter_value`, `scale` | | |
///
/// Source: ONNX Runtime's contributed operator, version 1; Vaswani et al., 2017.
struct ContributedAttention: ComposedOperator {
  let settings: AttentionSettings

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 2...7, outputs: 1...2)
    settings = try AttentionSettings(node)
    for index in [6] where node.hasInput(index) {
      throw ModelError(
        .unsupportedOperator, "input \(index), the length of a shared past",
        expected: "a past of its own length")
    }
    for name in ["do_rotary", "past_present_share_buffer"] where try node.int(name, default: 0) != 0
    {
      throw ModelError(.invalidAttribute, "attribute '\(name)' is set", expected: "0")
    }
  }

  func compose(_ parts: inout Composition) throws(ModelError) -> [Composition.Value?] {
    let x = try parts.input(0, of: [.f32], rank: 3)
    let weights = try parts.input(1, of: [.f32], rank: 2)
    let all = try parts.call(
      "FusedMatMul", domain: "zoo", [x, weights, try parts.optional(2, of: [.f32])])
    return try settings.attend(
      &parts, all, width: weights.shape?[1].value, mask: 3, past: 4, bias: 5)
  }
}

/// What `Attention` and `QAttention` share once the products with the weights are there.
struct AttentionSettings {
  let heads: Int
  let isCausal: Bool
  let sizes: [Int]
  let filter: Float
  let scale: Float?

  init(_ node: NodeReader) throws(ModelError) {
    heads = try node.int("num_heads")
    isCausal = try node.bool("unidirectional", default: false)
    sizes = try node.ints("qkv_hidden_sizes", default: [])
    filter = try node.float("mask_filter_value", default: -10_000)
    let given = try node.float("scale", default: 0)
    scale = given == 0 ? nil : given
    guard heads > 0, sizes.isEmpty || sizes.count == 3,
      sizes.allSatisfy({ $0 > 0 && $0 % max(heads, 1) == 0 })
    else {
      throw ModelError(
        .invalidAttribute, "\(heads) heads for sizes \(sizes)",
        expected: "one or more, and none or three sizes, multiples of it")
    }
  }

  /// - Parameters:
  ///   - all: Queries, keys and values side by side.
  ///   - mask: The numbers of these inputs; `bias` is -1 where there is no such input.
  func attend(
    _ parts: inout Composition, _ all: Composition.Value, width: Int?, mask: Int, past: Int,
    bias: Int
  ) throws(ModelError) -> [Composition.Value?] {
    guard let width else { return [parts.undetermined(.f32), parts.undetermined(.f32)] }
    guard sizes.isEmpty ? width % (3 * heads) == 0 : sizes.reduce(0, +) == width else {
      throw ModelError(
        .shapeMismatch, "weights of \(width) columns for \(heads) heads",
        expected: "columns for queries, keys and values")
    }
    let widths = sizes.isEmpty ? [width / 3, width / 3, width / 3] : sizes
    let pieces = try parts.pieces(all, axis: 2, sizes: widths)
    let q = try parts.rows(pieces[0], heads)
    // What is kept for later calls has its heads before its time.
    let isKept = parts.optional(past) != nil || parts.wants(1)
    var k = isKept ? try parts.heads(pieces[1], heads) : try parts.rows(pieces[1], heads)
    var v = isKept ? try parts.heads(pieces[2], heads) : try parts.rows(pieces[2], heads)
    var before = 0
    if let past = try parts.optional(past, of: [.f32]) {
      if let shape = past.shape, shape.rank != 5 || !shape[0].canBe(2) {
        throw ModelError(
          .shapeMismatch, "a past \(shape)", expected: "[2, batch, heads, past, size]")
      }
      before = past.shape?[3].value ?? 0
      let states = try parts.pieces(past, axis: 0, sizes: [1, 1])
      let axis = try parts.integers([0])
      k = try parts.joined([try parts("Squeeze", states[0], axis), k], axis: 2)
      v = try parts.joined([try parts("Squeeze", states[1], axis), v], axis: 2)
    }
    let size = Float(widths[0] / heads)
    let y = try parts.attended(
      q, k, v, timeFirst: (true, !isKept), scale: scale ?? 1 / size.squareRoot(),
      limits: AttentionBias(isCausal: isCausal, filter: filter, past: before),
      mask: parts.optional(mask), bias: bias < 0 ? nil : parts.optional(bias))
    guard parts.wants(1), widths[1] == widths[2] else { return [y, nil] }
    let axis = try parts.integers([0])
    let states = [try parts("Unsqueeze", k, axis), try parts("Unsqueeze", v, axis)]
    return [y, try parts.joined(states, axis: 0)]
  }
}
