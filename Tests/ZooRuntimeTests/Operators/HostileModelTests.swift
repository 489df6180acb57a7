import ModelFormat
import Testing
import ZooRuntime

/// Models that were made to break what reads them: operands and attributes that no exporter writes. Each is refused in
/// words, or computes what it says, optimised or not.
@Suite struct HostileModelTests {
  struct Attack: Sendable, CustomTestStringConvertible {
    let testDescription: String
    /// What is thrown; `nil` if the model is legal.
    let message: String?
    var opset = 24
    var inputs: [(String, Tensor)] = []
    var weights: [(String, Tensor)] = []
    var nodes: [HostileNode] = []

    init(
      _ name: String, _ message: String?, opset: Int = 24, inputs: [(String, Tensor)] = [],
      weights: [(String, Tensor)] = [], _ nodes: HostileNode...
    ) {
      testDescription = name
      self.message = message
      (self.opset, self.inputs, self.weights, self.nodes) = (opset, inputs, weights, nodes)
    }
  }

  /// A node by names; its last output is the model's.
  struct HostileNode: Sendable {
    let type: String
    let inputs: [String]
    let output: String
    let attributes: [Attribute]

    init(
      _ type: String, _ inputs: [String], _ output: String = "y", _ attributes: [Attribute] = []
    ) {
      (self.type, self.inputs, self.output, self.attributes) = (type, inputs, output, attributes)
    }
  }

  typealias N = HostileNode

  /// What the model says of its inputs' shapes: nothing, ranks, or all.
  enum Declared: CaseIterable { case nothing, symbols, extents }

  private func run(_ attack: Attack, _ declared: Declared, optimizes: Bool) throws {
    var model = Model(opsets: [OpsetImport("", attack.opset), OpsetImport("com.microsoft", 1)])
    var values: [String: ValueID] = [:]
    for (name, tensor) in attack.inputs {
      let shape: Shape? =
        switch declared {
        case .nothing: nil
        case .symbols: Shape(tensor.shape.indices.map { .symbol("\(name)\($0)") })
        case .extents: Shape(tensor.shape)
        }
      let id = model.addValue(name, type: .tensor(tensor.elementType, shape))
      values[name] = id
      model.main.inputs.append(id)
    }
    for (name, tensor) in attack.weights {
      let id = model.addValue(name)
      values[name] = id
      model.main.weights[id] = Weight(tensor)
    }
    for node in attack.nodes {
      let output = model.addValue(node.output)
      let parts = node.type.split(separator: ":").map(String.init)
      model.main.nodes.append(
        Node(
          parts[parts.count - 1], domain: parts.count > 1 ? parts[0] : "",
          inputs: node.inputs.map { values[$0] }, outputs: [output], attributes: node.attributes))
      values[node.output] = output
      model.main.outputs = [output]
    }
    try model.validate()
    var options = Session.Options()
    options.optimizes = optimizes
    _ = try Session(model, options: options).run(Dictionary(uniqueKeysWithValues: attack.inputs))
  }

  @Test func isRefusedOrRuns() throws {
    for attack in try Self.attacks.get() {
      for declared in Declared.allCases {
        for optimizes in [false, true] {
          var message: String?
          do {
            try run(attack, declared, optimizes: optimizes)
          } catch let error as ModelError {
            // A pass writes these as the library's own.
            message = error.description.replacing("(zoo.Fused", with: "(com.microsoft.Fused")
          }
          // Messages name symbols where a symbol is enough to refuse.
          if declared == .symbols, message != nil, attack.message != nil { continue }
          #expect(message == attack.message, "\(attack.testDescription), \(declared)")
        }
      }
    }
  }

  static let attacks = Result {
    try products() + attentions() + attributes() + makers() + shapes()
  }

  private static func zeros(_ shape: Int..., of element: ElementType = .f32) throws -> Tensor {
    try Tensor.zeros(element, shape: shape)
  }

  private static func integer(_ value: Int64) throws -> Tensor { try Tensor(scalar: value) }

  private static func products() throws -> [Attack] {
    let heads = [Attribute("num_heads", .int(1))]
    let image = try zeros(1, 1, 4, 4)
    return try [
      Attack(
        "bias of attention", "node #0 (com.microsoft.Attention): a bias [1]; expected [6]",
        inputs: [("x", zeros(1, 2, 4)), ("w", zeros(4, 6)), ("b", zeros(1))],
        N("com.microsoft:Attention", ["x", "w", "b"], "y", heads)),
      Attack(
        "bias of attention of another type",
        "node #0 (com.microsoft.Attention): input 2 is a tensor of u8; expected f32",
        inputs: [("x", zeros(1, 2, 4)), ("w", zeros(4, 6)), ("b", zeros(6, of: .u8))],
        N("com.microsoft:Attention", ["x", "w", "b"], "y", heads)),
      Attack(
        "residual of another type",
        "node #0 (com.microsoft.FusedConv): input 3 is a tensor of u8; expected f32",
        inputs: [("x", image), ("w", zeros(1, 1, 1, 1)), ("r", zeros(1, 1, 4, 4, of: .u8))],
        N("com.microsoft:FusedConv", ["x", "w", "", "r"])),
      Attack(
        "residual of another shape",
        "node #0 (com.microsoft.FusedConv): a residual [1, 1, 1, 4]; expected [1, 1, 4, 4]",
        inputs: [("x", image), ("w", zeros(1, 1, 1, 1)), ("r", zeros(1, 1, 1, 4))],
        N("com.microsoft:FusedConv", ["x", "w", "", "r"])),
    ]
  }

  private static func attentions() throws -> [Attack] {
    func attack(
      _ name: String, _ message: String, v: Int = 4, past: Tensor? = nil, lengths: Tensor? = nil
    ) throws -> Attack {
      var inputs = try [
        ("q", zeros(4, 1, 2, 8)), ("k", zeros(4, 1, 3, 8)), ("v", zeros(v, 1, 3, 8)),
      ]
      if let past { inputs += [("p", past), ("o", past)] }
      if let lengths { inputs.append(("n", lengths)) }
      return Attack(
        name, "node #0 (Attention): " + message, inputs: inputs,
        N(
          "Attention",
          ["q", "k", "v"] + (past == nil ? [] : ["", "p", "o"])
            + (lengths == nil ? [] : ["", "", "", "n"])))
    }
    return try [
      attack(
        "values of fewer batches",
        "queries [4, 1, 2, 8], keys [4, 1, 3, 8], values [2, 1, 3, 8]; expected one batch, equal "
          + "sizes, as many keys as values, and heads that divide the queries'", v: 2),
      attack(
        "past without axes", "a past []; expected [batch, heads, past, size]", past: zeros()),
      attack(
        "lengths of another type", "input 6 is a tensor of i32; expected i64",
        lengths: zeros(4, of: .i32)),
      attack(
        "too few lengths", "'nonpad_kv_seqlen' [1]; expected [4]", lengths: zeros(1, of: .i64)),
      attack(
        "a length of too many", "'nonpad_kv_seqlen' [3] is 4; expected 0 ... 3",
        lengths: .i64([0, 1, 3, 4])),
      attack(
        "the least length", "'nonpad_kv_seqlen' [0] is -9223372036854775808; expected 0 ... 3",
        lengths: .i64([.min, 1, 3, 3])),
    ]
  }

  private static func attributes() throws -> [Attack] {
    func blocks(_ size: Int64) throws -> Attack {
      try Attack(
        "4-bit weights in blocks of \(size)", nil, inputs: [("x", zeros(1, 16))],
        weights: [("w", zeros(16, 2, of: .u4)), ("s", zeros(1, 2))],
        N(
          "DequantizeLinear", ["w", "s"], "d",
          [Attribute("axis", .int(0)), Attribute("block_size", .int(size))]),
        N("MatMul", ["x", "d"]))
    }
    let last = [Attribute("axes", .ints([.max]))]
    return try [
      Attack(
        "endless groups",
        "node #0 (Conv): weights [1, 4, 1, 1] for an input [1, 4, 2, 2] in 4611686018427387904 groups; "
          + "expected [m, channels / group, kernel …], m a multiple of group",
        inputs: [("x", zeros(1, 4, 2, 2))], weights: [("w", zeros(1, 4, 1, 1))],
        N("Conv", ["x", "w"], "y", [Attribute("group", .int(1 << 62))])),
      blocks(.max - 1), blocks(1 << 30),
      Attack(
        "mean along an axis beyond all",
        "node #0 (ReduceMean): axis 9223372036854775807 of a tensor of rank 2; expected -2 ... 1",
        opset: 13, inputs: [("x", zeros(2, 4))],
        weights: [("e", Tensor(scalar: Float(1))), ("two", Tensor(scalar: Float(2)))],
        N("ReduceMean", ["x"], "m", last), N("Sub", ["x", "m"], "d"),
        N("Pow", ["d", "two"], "p"), N("ReduceMean", ["p"], "v", last),
        N("Add", ["v", "e"], "a"), N("Sqrt", ["a"], "r"), N("Div", ["d", "r"])),
    ]
  }

  private static func makers() throws -> [Attack] {
    let (zero, one) = (try integer(0), try integer(-1))
    let fill = Attribute("value", .tensor(Weight(try zeros(1, of: .u8))))
    return try [
      Attack(
        "range of more numbers than there are",
        "node #0 (Range): a range of 9223372036854775808 numbers; expected at most 9223372036854775807",
        weights: [("a", zero), ("b", integer(.min)), ("c", one)], N("Range", ["a", "b", "c"])),
      Attack(
        "range to the least number", nil,
        weights: [("a", integer(.min + 2)), ("b", integer(.min)), ("c", one)],
        N("Range", ["a", "b", "c"])),
      Attack(
        "sum of more than there is",
        "node #0 (Expand): shape [2305843009213693951] has more elements than can be counted",
        weights: [("x", zeros(1)), ("s", .i64([1 << 61 - 1]))],
        N("Expand", ["x", "s"], "e"), N("ReduceSum", ["e"])),
      Attack(
        "extents beside a zero",
        "node #0 (ConstantOfShape): shape [0, 4611686018427387904, 4] has more elements than can be counted",
        weights: [("s", .i64([0, 1 << 62, 4]))],
        N("ConstantOfShape", ["s"], "c", [fill]), N("Transpose", ["c"])),
    ]
  }

  private static func shapes() throws -> [Attack] {
    let pool = [
      Attribute("mode", .string("TF")), Attribute("min_gram_length", .int(1)),
      Attribute("max_gram_length", .int(1)), Attribute("max_skip_count", .int(0)),
      Attribute("ngram_counts", .ints([0])), Attribute("ngram_indexes", .ints([1 << 27])),
      Attribute("pool_int64s", .ints([5])),
    ]
    return try [
      Attack(
        "slope of a higher rank",
        "node #0 (PRelu): a slope [2, 3] for a tensor [3]; expected one that broadcasts to the tensor's shape",
        inputs: [("x", zeros(3)), ("s", zeros(2, 3))], N("PRelu", ["x", "s"])),
      Attack(
        "slope of a larger extent",
        "node #0 (PRelu): a slope [3] for a tensor [1]; expected one that broadcasts to the tensor's shape",
        inputs: [("x", zeros(1)), ("s", zeros(3))], N("PRelu", ["x", "s"])),
      Attack(
        "sum of no numbers and one", nil, inputs: [("x", zeros())],
        weights: [("one", integer(1)), ("none", zeros(0, of: .i64))],
        N("Shape", ["x"], "s"), N("Add", ["s", "one"], "t"), N("Add", ["one", "t"])),
      Attack(
        "rows without words",
        "node #0 (TfIdfVectorizer): shape [140737488355328, 134217729] has more elements than can be counted",
        inputs: [("x", zeros(1 << 47, 0, of: .i64))], N("TfIdfVectorizer", ["x"], "y", pool)),
      Attack(
        "least and negative multiples of an extent", nil, inputs: [("x", zeros(2))],
        weights: [("least", .i64([.min])), ("minus", .i64([-1]))],
        N("Shape", ["x"], "s"), N("Mul", ["s", "least"], "a"), N("Mul", ["s", "minus"], "b"),
        N("Div", ["a", "b"])),
    ]
  }

  /// Doubles for a matrix of bytes: refused like the matrix itself would be if it were of doubles.
  @Test func weightsOfBandsAreCountedAsTheyAreComputed() throws {
    let side = Int64(1 << 21)
    let inputs: [Tensor] = try [
      Self.integer(side), Self.integer(2 * side), Self.integer(1 << 20),
      Tensor(scalar: Float(0)), Tensor(scalar: Float(100)),
    ]
    let error = #expect(throws: ModelError.self) {
      try NodeRunner.tensors(
        "MelWeightMatrix", opset: 17, inputs, [Attribute("output_datatype", .int(2))])
    }
    #expect(error?.code == .limitExceeded)
  }
}
