import ModelFormat

/// One of several classes for a text.
///
/// Assets: `preprocessing.json` of type `text`, a tokenizer, `postprocessing.json` of type `classification`,
/// `labels.txt`.
public struct TextClassification: ModelTask {
  public let name = "text-classification"
  public let summary = "names the class of a text"

  public init() {}

  public func pipeline(for model: Model) throws(ModelError) -> any TaskPipeline {
    Pipeline(input: try TextInput(model), decoding: try OutputDecoding(model))
  }

  private struct Pipeline: TaskPipeline {
    let input: TextInput
    let decoding: OutputDecoding
    var inputKind: RawInput.Kind { .text }

    func prepare(_ inputs: [RawInput], limit: Int) throws(ModelError) -> [PreparedBatch] {
      try input.batches(RawInput.texts(inputs), limit: limit)
    }

    func answers(
      _ outputs: [String: Tensor], for batch: PreparedBatch
    ) throws(ModelError) -> [Answer] {
      try decoding.answers(outputs, count: batch.indices.count)
    }
  }
}
