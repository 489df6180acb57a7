import Testing
import ZooRuntime

/// Operators of com.microsoft: small results, and what they refuse. tools/contributed_operators.py compares them with
/// ONNX Runtime.
@Suite struct ContributedTests {
  private static func u8(_ values: [UInt8], _ shape: [Int]) throws -> Tensor {
    try Tensor(values, shape: shape)
  }

  private static func scalar<T: TensorElement>(_ value: T) throws -> Tensor {
    try Tensor(scalar: value)
  }

  /// (1 − 1) · 0.5 + 2 · 0.25 = 0.5, which is 2 steps of 0.25 above 3.
  @Test func quantizedSumsBroadcast() throws {
    try NodeRunner.expect(
      "QLinearAdd", domain: "com.microsoft", opset: 1,
      [
        Self.u8([1, 3, 255, 0], [4]), Self.scalar(Float(0.5)), Self.scalar(UInt8(1)),
        Self.u8([2], [1]), Self.scalar(Float(0.25)), Self.scalar(UInt8(0)),
        Self.scalar(Float(0.25)), Self.scalar(UInt8(3)),
      ], gives: [Self.u8([5, 9, 255, 3], [4])])
  }

  @Test func quantizedProductsTakeMissingZeroPointsAsZero() throws {
    try NodeRunner.expect(
      "QLinearMul", domain: "com.microsoft", opset: 1,
      [
        Self.u8([2, 4], [2]), Self.scalar(Float(0.5)), nil, Self.u8([3, 5], [2]),
        Self.scalar(Float(1)), nil, Self.scalar(Float(0.5)),
      ], gives: [Self.u8([6, 20], [2])])
  }

  /// Codes 1, 2 and 3 of 4 bits around a zero point of 8, two columns in a block of 16.
  @Test(arguments: [1, 3]) func productsReadPackedWeights(rows: Int) throws {
    var codes = [UInt8](repeating: 0x88, count: 16)
    codes[0] = 0x19  // 9 and 1: +1 and −7
    codes[8] = 0x8a  // 10 and 8: +2 and 0
    let a = try Tensor.counting([rows, 16])
    let expected = (0..<rows).flatMap { row in
      let (x, y) = (Float(16 * row), Float(16 * row + 1))
      return [(x - 7 * y) * 0.5, 2 * x * 2]
    }
    try NodeRunner.expect(
      "MatMulNBits", domain: "com.microsoft", opset: 1,
      [a, Self.u8(codes, [2, 1, 8]), .f32([0.5, 2], [2, 1])],
      [
        Attribute("K", .int(16)), Attribute("N", .int(2)), Attribute("bits", .int(4)),
        Attribute("block_size", .int(16)),
      ], gives: [.f32(expected, [rows, 2])])
  }

  /// One key: the answer is its value, whatever its score.
  @Test func attentionToOneKeyIsItsValue() throws {
    try NodeRunner.expect(
      "MultiHeadAttention", domain: "com.microsoft", opset: 1,
      [
        .f32([1, 2, 3, 4], [1, 1, 4]), .f32([5, 6, 7, 8], [1, 1, 4]),
        .f32([9, 10, 11, 12], [1, 1, 4]),
      ],
      [Attribute("num_heads", .int(2))], gives: [.f32([9, 10, 11, 12], [1, 1, 4])])
  }

  @Test func hashesAreThoseOfTheReference() throws {
    try NodeRunner.expect(
      "MurmurHash3", domain: "com.microsoft", opset: 1,
      [Tensor(strings: ["", "hello"], shape: [2])],
      gives: [Tensor([UInt32(0), 0x248b_fa47], shape: [2])])
  }

  struct Refusal: Sendable, CustomTestStringConvertible {
    let op: String
    let inputs: [Tensor?]
    let attributes: [Attribute]
    let code: ModelError.Code
    var testDescription: String { "\(op) \(code)" }
  }

  static let refusals: [Refusal] = {
    func make(
      _ op: String, _ inputs: [Tensor?], _ code: ModelError.Code, _ attributes: [Attribute] = []
    ) -> Refusal {
      Refusal(op: op, inputs: inputs, attributes: attributes, code: code)
    }
    let floats = try? Tensor.counting([2, 3])
    let cube = try? Tensor.counting([1, 2, 4])
    let one = try? Tensor(scalar: Float(1))
    let bytes = try? Tensor([UInt8](repeating: 1, count: 6), shape: [2, 3])
    let zero = try? Tensor(scalar: UInt8(0))
    let signed = try? Tensor(scalar: Int8(0))
    let grid = try? Tensor.counting([1, 1, 2, 4])
    let row = try? Tensor.counting([4])
    let places = try? Tensor.zeros(.i64, shape: [3, 1, 2])
    let pairs = try? Tensor.zeros(.f32, shape: [4, 2])
    let ids = try? Tensor.zeros(.i32, shape: [1, 1])
    let beta = try? Tensor.zeros(.i32, shape: [1, 2, 1])
    let wide = try? Tensor.zeros(.f64, shape: [1, 1, 4, 4])
    let heads = [Attribute("num_heads", .int(3))]
    let sizes = ["K", "N"].map { Attribute($0, .int(3)) }
    return [
      make("QLinearAdd", [bytes, one, zero, bytes, one, zero], .arityMismatch),
      make("QLinearAdd", [floats, one, zero, bytes, one, zero, one], .elementTypeMismatch),
      make("QLinearAdd", [bytes, floats, zero, bytes, one, zero, one, zero], .shapeMismatch),
      make("QLinearMul", [bytes, one, signed, bytes, one, zero, one, zero], .elementTypeMismatch),
      make("QLinearConcat", [one, zero, bytes, one], .arityMismatch, [Attribute("axis", .int(0))]),
      make("QLinearSoftmax", [bytes, one, zero, one, zero], .invalidAttribute),
      make("QGemm", [bytes, one, zero, bytes, one, zero], .shapeMismatch),
      make("MatMulIntegerToFloat", [bytes, bytes, one, one], .shapeMismatch),
      make("DynamicQuantizeMatMul", [bytes, bytes, one], .elementTypeMismatch),
      make(
        "FusedGemm", [floats, floats], .invalidAttribute, [Attribute("activation", .string("Sin"))]),
      make("MultiHeadAttention", [cube, cube, cube], .shapeMismatch, heads),
      make("MultiHeadAttention", [floats, floats, floats], .shapeMismatch, heads),
      make("Attention", [cube, floats], .shapeMismatch, heads),
      make("Attention", [cube, floats], .invalidAttribute),
      make("GroupQueryAttention", [cube], .arityMismatch, heads),
      make(
        "MatMulNBits", [floats, bytes, one], .invalidAttribute,
        sizes + [Attribute("block_size", .int(17))]),
      make(
        "MatMulNBits", [floats, bytes, floats], .shapeMismatch,
        sizes + [Attribute("block_size", .int(16))]),
      make("MatMulBnb4", [floats, bytes, one], .invalidAttribute, sizes),
      make("Inverse", [floats], .shapeMismatch),
      make("CDist", [floats, cube], .shapeMismatch),
      make("CDist", [floats, floats], .invalidAttribute, [Attribute("metric", .string("cosine"))]),
      make(
        "NGramRepeatBlock", [floats, floats], .elementTypeMismatch,
        [Attribute("ngram_size", .int(2))]),
      make("UnfoldTensor", [floats], .shapeMismatch, [Attribute("size", .int(4))]),
      make("BiasGelu", [floats, one], .shapeMismatch),
      make("SkipLayerNormalization", [cube, floats, floats], .shapeMismatch),
      make(
        "MRotaryEmbedding", [cube, places, pairs, pairs], .invalidAttribute,
        [Attribute("mrope_section", .ints([1, 1, 0]))]),
      make(
        "MRotaryEmbedding", [grid, places, pairs, pairs], .invalidAttribute,
        [Attribute("mrope_section", .ints([1, 1, 0])), Attribute("num_heads", .int(-99))]),
      make(
        "RotaryEmbedding", [grid, places, pairs, pairs], .invalidAttribute,
        [Attribute("num_heads", .int(-99))]),
      make(
        "NGramHashMapping", [ids, ids, ids], .invalidAttribute,
        [
          Attribute("max_ngram_size", .int(2)), Attribute("n_head_per_ngram", .int(1)),
          Attribute("pad_id", .int(2_147_483_648)),
        ]),
      make("MoE", [row, cube, cube, nil, cube], .shapeMismatch, [Attribute("k", .int(1))]),
      make(
        "LinearAttention", [cube, cube, cube, nil, cube, beta], .elementTypeMismatch,
        ["q_num_heads", "kv_num_heads"].map { Attribute($0, .int(1)) }),
      make(
        "LinearAttention", [cube, cube, cube, wide], .elementTypeMismatch,
        ["q_num_heads", "kv_num_heads"].map { Attribute($0, .int(1)) }
          + [Attribute("update_rule", .string("linear"))]),
    ]
  }()

  @Test(arguments: refusals) func refuses(_ refusal: Refusal) {
    NodeRunner.expectRefusal(
      refusal.op, domain: "com.microsoft", opset: 1, refusal.inputs, refusal.attributes,
      code: refusal.code)
  }

  /// What depends on data is refused when it is met.
  @Test func indicesOutOfRangeAreRefused() throws {
    NodeRunner.expectRefusal(
      "NGramRepeatBlock", domain: "com.microsoft", opset: 1,
      [try Tensor([Int64(7), 7], shape: [1, 2]), try .f32([1, 2], [1, 2])],
      [Attribute("ngram_size", .int(1))], code: .outOfRange)
    let image = try Tensor.counting([1, 1, 2, 2])
    NodeRunner.expectRefusal(
      "CropAndResize", domain: "com.microsoft", opset: 1,
      [
        image, try .f32([0, 0, 1, 1], [1, 4]), try Tensor([Int32(1)], shape: [1]),
        try Tensor([Int32(1), 1], shape: [2]),
      ], code: .outOfRange)
  }

  @Test(arguments: [([0], [0]), ([0, 4], [0, 0]), ([4, 0], [4, 0])] as [([Int], [Int])])
  func noStringsHaveNoTokens(shape: [Int], expected: [Int]) throws {
    try NodeRunner.expect(
      "Tokenizer", domain: "com.microsoft", opset: 1, [Tensor(strings: [], shape: shape)],
      [
        Attribute("mark", .int(1)), Attribute("mincharnum", .int(1)),
        Attribute("pad_value", .string("#")), Attribute("separators", .strings([" "])),
      ], gives: [Tensor(strings: [], shape: expected)])
  }

  /// Two rows of blocks, of which the second looks at one that is not there; only the first has queries.
  @Test func blocksOfRowsWithoutQueriesAreChecked() throws {
    let (one, cache) = (
      try Tensor([Int32(2)], shape: [1]), try Tensor.zeros(.f32, shape: [1, 1, 32, 16])
    )
    NodeRunner.expectRefusal(
      "SparseAttention", domain: "com.microsoft", opset: 1,
      [
        try .zeros(.f32, shape: [1, 2, 48]), nil, nil, cache, cache,
        try Tensor([Int32(0), 1, 3], shape: [1, 3]),
        try Tensor([Int32(0), -1000, 1], shape: [1, 3]),
        one, one,
      ],
      [
        Attribute("num_heads", .int(1)), Attribute("kv_num_heads", .int(1)),
        Attribute("sparse_block_size", .int(16)),
      ], code: .outOfRange)
  }

  @Test func productsOfNoMatricesAreNone() throws {
    try NodeRunner.expect(
      "DynamicQuantizeMatMul", domain: "com.microsoft", opset: 1,
      [
        .zeros(.f32, shape: [1, 0, 2, 3]), .zeros(.u8, shape: [1, 1, 3, 4]), Self.scalar(Float(1)),
      ],
      gives: [.zeros(.f32, shape: [1, 0, 2, 4])])
  }

  /// What is read as `i32` or `f32` must be that: a mask of bytes is a quarter as long.
  @Test func attentionRefusesOperandsOfOtherTypes() throws {
    let x = try Tensor.counting([2, 3, 4])
    let heads = [Attribute("num_heads", .int(2))]
    for (mask, bias) in [
      (try Tensor.zeros(.u8, shape: [2, 3]), nil),
      (nil, try Tensor.zeros(.f16, shape: [1, 1, 3, 3])),
    ] as [(Tensor?, Tensor?)] {
      NodeRunner.expectRefusal(
        "MultiHeadAttention", domain: "com.microsoft", opset: 1, [x, x, x, nil, mask, bias], heads,
        code: .elementTypeMismatch)
    }
  }

  @Test func indicesOfSlicesAreOfEitherType() throws {
    let x = try Tensor.counting([2, 3])
    for indices in [try Tensor([Int32(1)], shape: [1, 1]), try Tensor([Int64(1)], shape: [1, 1])] {
      try NodeRunner.expect(
        "GatherND", domain: "com.microsoft", opset: 1, [x, indices],
        gives: [.f32([3, 4, 5], [1, 3])])
    }
  }

  @Test func truthValuesAreZeroOrOne() throws {
    NodeRunner.expectRefusal(
      "Unique", opset: 11, [try Tensor.counting([3])], [Attribute("sorted", .int(-1))],
      code: .invalidAttribute)
  }
}
