import ModelFormat

/// A vector of length 1 for a text, such that texts of like meaning have vectors of like direction (Reimers and
/// Gurevych, "Sentence-BERT", 2019): the mean of a BERT encoder's states over the tokens of the text, normalised.
///
/// Assets: `tokenizer.json` or `vocab.txt`.
public struct SentenceEmbedding: ModelTask {
  public let name = "sentence-embedding"
  public let summary = "turns a text into a vector that shows its meaning"

  public init() {}

  public func recognizes(_ model: Model) -> Bool {
    let inputs = Set(model.main.inputs.map { model[$0].name })
    let hasTokenizer =
      model.asset(AssetName.tokenizer) != nil || model.asset(AssetName.vocabulary) != nil
    return hasTokenizer && inputs.contains("input_ids") && inputs.contains("attention_mask")
  }

  public func pipeline(for model: Model) throws(ModelError) -> any TaskPipeline {
    let outputs = model.main.outputs.map { model[$0] }
    let ranks = outputs.map { $0.type?.tensorType?.shape?.rank }
    let known = ["last_hidden_state", "token_embeddings", "sentence_embedding"]
    let place =
      outputs.firstIndex { known.contains($0.name) } ?? ranks.firstIndex(of: 3) ?? 0
    guard place < outputs.count else {
      throw ModelError(
        .invalidRequest, "a model without outputs", expected: "hidden states",
        at: .init(file: model.fileName))
    }
    return Pipeline(input: try TextInput(model), output: outputs[place].name)
  }

  private struct Pipeline: TaskPipeline {
    let input: TextInput
    let output: String
    var inputKind: RawInput.Kind { .text }

    func prepare(_ inputs: [RawInput], limit: Int) throws(ModelError) -> [PreparedBatch] {
      try input.batches(RawInput.texts(inputs), limit: limit)
    }

    func answers(
      _ outputs: [String: Tensor], for batch: PreparedBatch
    ) throws(ModelError) -> [Answer] {
      let states = try outputs.output(output)
      let count = batch.indices.count
      let rows = try outputs.rows(output, count)
      guard states.shape.count == 3 else {
        return rows.map { Self.answer($0.map(Double.init)) }
      }
      let width = states.shape[2]
      guard let mask = try input.mask.flatMap({ batch.tensors[$0] })?.integers(),
        mask.count == count * states.shape[1]
      else {
        throw ModelError(
          .shapeMismatch, "states of shape \(states.shape) without an attention mask of that size",
          expected: "an input 'attention_mask' [batch, sequence]")
      }
      return rows.enumerated().map { index, row in
        let tokens = mask[index * states.shape[1]..<(index + 1) * states.shape[1]]
        return Self.answer(Self.mean(row, tokens, width))
      }
    }

    private static func mean(_ row: [Float], _ mask: ArraySlice<Int>, _ width: Int) -> [Double] {
      var sums = [Double](repeating: 0, count: width)
      for (token, isText) in mask.enumerated() where isText != 0 {
        for index in 0..<width { sums[index] += Double(row[token * width + index]) }
      }
      let count = Double(max(1, mask.count { $0 != 0 }))
      return sums.map { $0 / count }
    }

    private static func answer(_ vector: [Double]) -> Answer {
      let length = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
      let unit = vector.map { JSON(Float($0 / max(length, 1e-12))) }
      return Answer([JSON.Member("embedding", .array(unit))])
    }
  }
}

extension Tensor {
  /// Elements of `i64` or `i32`.
  func integers() throws(ModelError) -> [Int] {
    elementType == .i32
      ? try array(of: Int32.self).map(Int.init) : try array(of: Int64.self).map(Int.init)
  }
}
