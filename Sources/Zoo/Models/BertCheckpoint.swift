import ModelFormat

/// A BERT encoder as HuggingFace keeps it: `config.json` and `model.safetensors` (Devlin et al., "BERT", 2019).
///
/// The graph is written in ONNX's elementary operators, opset 17:
///
/// |        | name                                            | type                             |
/// |--------|-------------------------------------------------|----------------------------------|
/// | input  | `input_ids`, `attention_mask`, `token_type_ids` | `i64 [batch, sequence]`          |
/// | output | `last_hidden_state`                             | `f32 [batch, sequence, hidden]`  |
struct BertCheckpoint {
  private let heads: Int
  private let hidden: Int
  private let layers: Int
  private let positions: Int
  private let epsilon: Float
  private let name: String
  private let weights: Safetensors
  /// What stands before the names of tensors in checkpoints of whole BERT models.
  private let prefix: String

  init(config: String, weights: String, limits: ReadLimits) throws(ModelError) {
    do throws(ModelError) {
      let settings = try JSONReader(
        JSON(parsing: FilePath.bytes(config, limit: 1 << 20)), path: "config")
      let counts = 1...1 << 20
      try Self.require(settings, "model_type", "bert")
      try Self.require(settings, "hidden_act", "gelu")
      try Self.require(settings, "position_embedding_type", "absolute")
      heads = try settings.int("num_attention_heads", in: counts)
      hidden = try settings.int("hidden_size", in: counts)
      layers = try settings.int("num_hidden_layers", in: 1...1000)
      positions = try settings.int("max_position_embeddings", in: counts)
      epsilon = try settings.float("layer_norm_eps", default: 1e-12)
      name = try settings.string("_name_or_path", default: "bert")
      guard hidden % heads == 0 else {
        throw settings.error(
          "hidden_size", "\(hidden)", expected: "a multiple of the \(heads) attention heads")
      }
    } catch { throw error.at(file: config) }
    do throws(ModelError) {
      self.weights = try Safetensors(MappedFile(path: weights), limits: limits)
    } catch { throw error.at(file: weights) }
    prefix = self.weights.type("bert.embeddings.LayerNorm.weight") == nil ? "" : "bert."
    self.weightsPath = weights
  }

  private let weightsPath: String

  private static func require(
    _ settings: JSONReader, _ name: String, _ value: String
  ) throws(ModelError) {
    let found = try settings.string(name, default: value)
    if found == value { return }
    throw ModelError(
      .invalidRequest, "'\(found)', which is not supported", expected: value,
      at: .init(operand: settings.place(name)))
  }

  func model() throws(ModelError) -> Model {
    do throws(ModelError) {
      var builder = Builder(self)
      try builder.build()
      return builder.model
    } catch { throw error.at(file: weightsPath) }
  }
}

extension BertCheckpoint {
  private struct Builder {
    let source: BertCheckpoint
    var model = Model(irVersion: 8, opsets: [OpsetImport("", 17)])
    private let shape: Shape = ["batch", "sequence"]

    init(_ source: BertCheckpoint) {
      self.source = source
      model.producerName = "modelzoo"
      model.main.name = source.name
    }

    // Values and nodes.

    mutating func input(_ name: String) -> ValueID {
      let value = model.addValue(name, type: .tensor(.i64, shape))
      model.main.inputs.append(value)
      return value
    }

    mutating func constant(_ name: String, _ tensor: Tensor) -> ValueID {
      constant(name, Weight(tensor))
    }

    mutating func constant(_ name: String, _ weight: Weight) -> ValueID {
      let value = model.addValue(name, type: .tensor(weight.type))
      model.main.weights[value] = weight
      return value
    }

    mutating func add(
      _ opType: String, _ inputs: [ValueID], _ attributes: [Attribute] = [], output: String? = nil
    ) -> ValueID {
      let number = model.main.nodes.count + 1
      let value = model.addValue(output ?? "\(opType)_\(number)_output")
      model.main.nodes.append(
        Node(
          opType, name: "\(opType)_\(number)", inputs: inputs, outputs: [value],
          attributes: attributes))
      return value
    }

    // Parameters of the checkpoint, with their shapes checked.

    func tensor(_ name: String, _ shape: [Int]) throws(ModelError) -> Tensor {
      let tensor = try source.weights.tensor(source.prefix + name)
      guard tensor.elementType == .f32, tensor.shape == shape else {
        throw ModelError(
          .shapeMismatch, "tensor '\(source.prefix + name)' is \(tensor.type)",
          expected: "\(TensorType(.f32, shape))")
      }
      return tensor
    }

    mutating func linear(
      _ x: ValueID, _ name: String, _ from: Int, _ to: Int
    ) throws(ModelError) -> ValueID {
      let matrix = Weight(
        .f32, shape: [from, to],
        source: TransposedWeight(matrix: try tensor("\(name).weight", [to, from])))
      let product = add("MatMul", [x, constant("\(name).weight_t", matrix)])
      return add("Add", [product, constant("\(name).bias", try tensor("\(name).bias", [to]))])
    }

    mutating func norm(_ x: ValueID, _ name: String) throws(ModelError) -> ValueID {
      let hidden = [source.hidden]
      return add(
        "LayerNormalization",
        [
          x, constant("\(name).weight", try tensor("\(name).weight", hidden)),
          constant("\(name).bias", try tensor("\(name).bias", hidden)),
        ], [Attribute("axis", .int(-1)), Attribute("epsilon", .float(source.epsilon))])
    }

    // The encoder.

    mutating func build() throws(ModelError) {
      let ids = input("input_ids")
      let mask = input("attention_mask")
      let types = input("token_type_ids")
      let constants = try Constants(&self)
      let bias = try maskBias(mask, constants)
      var x = try embeddings(ids, types)
      for layer in 0..<source.layers {
        x = try self.layer(x, bias, constants, "encoder.layer.\(layer)")
      }
      let output = add("Identity", [x], output: "last_hidden_state")
      model[output].type = .tensor(
        .f32, Shape(shape.dimensions + [.fixed(source.hidden)]))
      model.main.outputs = [output]
    }

    struct Constants {
      let split: ValueID
      let merge: ValueID
      let scale: ValueID
      let one: ValueID
      let half: ValueID
      let rootOfTwo: ValueID

      init(_ b: inout Builder) throws(ModelError) {
        let width = b.source.hidden / b.source.heads
        split = b.constant(
          "split_heads", try Tensor([0, 0, Int64(b.source.heads), Int64(width)], shape: [4]))
        merge = b.constant("merge_heads", try Tensor([0, 0, Int64(b.source.hidden)], shape: [3]))
        scale = b.constant("attention_scale", try Tensor(scalar: Float(width).squareRoot()))
        one = b.constant("one", try Tensor(scalar: Float(1)))
        half = b.constant("half", try Tensor(scalar: Float(0.5)))
        rootOfTwo = b.constant("sqrt2", try Tensor(scalar: Float(2).squareRoot()))
      }
    }

    /// (1 − mask) · lowest float, to be added to all heads' and queries' scores.
    mutating func maskBias(
      _ mask: ValueID, _ constants: Constants
    ) throws(ModelError) -> ValueID {
      let floats = add("Cast", [mask], [Attribute("to", .int(Int64(ElementType.f32.rawValue)))])
      let gap = add("Sub", [constants.one, floats])
      let lowest = constant("lowest", try Tensor(scalar: -Float.greatestFiniteMagnitude))
      let axes = constant("mask_axes", try Tensor([Int64(1), 2], shape: [2]))
      return add("Unsqueeze", [add("Mul", [gap, lowest]), axes])
    }

    mutating func embeddings(_ ids: ValueID, _ types: ValueID) throws(ModelError) -> ValueID {
      let index = constant("axis_1", try Tensor(scalar: Int64(1)))
      let axes = constant("axis_0", try Tensor([Int64(0)], shape: [1]))
      let start = constant("start", try Tensor([Int64(0)], shape: [1]))
      let numbers = try Tensor((0..<Int64(source.positions)).map { $0 }, shape: [source.positions])
      let extent = add("Gather", [add("Shape", [ids]), index], [Attribute("axis", .int(0))])
      let places = add(
        "Slice",
        [constant("position_ids", numbers), start, add("Unsqueeze", [extent, axes])])
      let word = try table("word")
      let type = try table("token_type")
      let position = try tensor(
        "embeddings.position_embeddings.weight", [source.positions, source.hidden])
      var x = add("Gather", [word, ids])
      x = add("Add", [x, add("Gather", [type, types])])
      let positions = constant("embeddings.position", position)
      x = add("Add", [x, add("Gather", [positions, places])])
      return try norm(x, "embeddings.LayerNorm")
    }

    mutating func table(_ kind: String) throws(ModelError) -> ValueID {
      let name = "embeddings.\(kind)_embeddings.weight"
      let rows = source.weights.type(source.prefix + name)?.shape?.extents?.first ?? 0
      return constant("embeddings.\(kind)", try tensor(name, [rows, source.hidden]))
    }

    mutating func layer(
      _ x: ValueID, _ bias: ValueID, _ constants: Constants, _ name: String
    ) throws(ModelError) -> ValueID {
      let hidden = source.hidden
      let mixed = try attention(x, bias, constants, name)
      let projected = try linear(mixed, "\(name).attention.output.dense", hidden, hidden)
      let attended = add("Add", [projected, x])
      let y = try norm(attended, "\(name).attention.output.LayerNorm")
      let wide = "\(name).intermediate.dense"
      let width =
        source.weights.type(source.prefix + "\(wide).weight")?.shape?.extents?.first ?? 0
      var h = try linear(y, wide, hidden, width)
      // GELU: h · (1 + erf(h / √2)) · ½.
      let erf = add("Erf", [add("Div", [h, constants.rootOfTwo])])
      h = add("Mul", [h, add("Add", [erf, constants.one])])
      h = add("Mul", [h, constants.half])
      h = try linear(h, "\(name).output.dense", width, hidden)
      return try norm(add("Add", [h, y]), "\(name).output.LayerNorm")
    }

    mutating func attention(
      _ x: ValueID, _ bias: ValueID, _ constants: Constants, _ name: String
    ) throws(ModelError) -> ValueID {
      func order(_ axes: [Int64]) -> [Attribute] { [Attribute("perm", .ints(axes))] }
      var parts: [ValueID] = []
      for part in ["query", "key", "value"] {
        let flat = try linear(
          x, "\(name).attention.self.\(part)", source.hidden, source.hidden)
        parts.append(add("Reshape", [flat, constants.split]))
      }
      let query = add("Transpose", [parts[0]], order([0, 2, 1, 3]))
      let key = add("Transpose", [parts[1]], order([0, 2, 3, 1]))
      let value = add("Transpose", [parts[2]], order([0, 2, 1, 3]))
      var scores = add("Div", [add("MatMul", [query, key]), constants.scale])
      scores = add("Softmax", [add("Add", [scores, bias])], [Attribute("axis", .int(-1))])
      let context = add("Transpose", [add("MatMul", [scores, value])], order([0, 2, 1, 3]))
      return add("Reshape", [context, constants.merge])
    }
  }
}

/// A matrix whose rows and columns change places when it is loaded.
private struct TransposedWeight: WeightSource {
  let matrix: Tensor

  var storedByteCount: Int { matrix.byteCount }
  var encoding: String { "raw" }

  func load() throws(ModelError) -> Tensor {
    let (rows, columns) = (matrix.shape[0], matrix.shape[1])
    return try matrix.withElements(of: Float.self) { (source) throws(ModelError) in
      try Tensor(.f32, shape: [columns, rows]) { bytes in
        let target = bytes.bindMemory(to: Float.self)
        for row in 0..<rows {
          for column in 0..<columns {
            target[column * rows + row] = source[row * columns + column]
          }
        }
      }
    }
  }
}
