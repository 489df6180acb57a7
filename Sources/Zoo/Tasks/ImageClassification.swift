import ModelFormat

/// One of several classes for a picture.
///
/// Assets: `preprocessing.json` of type `image`, `postprocessing.json` of type `classification`, `labels.txt`.
public struct ImageClassification: ModelTask {
  public let name = "image-classification"
  public let summary = "names the class of a picture"

  public init() {}

  public func pipeline(for model: Model) throws(ModelError) -> any TaskPipeline {
    let settings = try model.json(AssetName.preprocessing)
    let name = try settings.value("input") == nil ? nil : settings.string("input")
    return Pipeline(
      input: try model.singleName(model.main.requiredInputs, name, "input"),
      preprocessing: try ImagePreprocessing(settings), decoding: try OutputDecoding(model))
  }

  private struct Pipeline: TaskPipeline {
    let input: String
    let preprocessing: ImagePreprocessing
    let decoding: OutputDecoding
    var inputKind: RawInput.Kind { .image }

    func prepare(_ inputs: [RawInput], limit: Int) throws(ModelError) -> [PreparedBatch] {
      let images = try RawInput.images(inputs)
      var batches: [PreparedBatch] = []
      for start in stride(from: 0, to: images.count, by: max(1, limit)) {
        let part = start..<min(start + max(1, limit), images.count)
        let tensor = try preprocessing.tensor(Array(images[part]))
        batches.append(PreparedBatch(indices: Array(part), tensors: [input: tensor]))
      }
      return batches
    }

    func answers(
      _ outputs: [String: Tensor], for batch: PreparedBatch
    ) throws(ModelError) -> [Answer] {
      try decoding.answers(outputs, count: batch.indices.count)
    }
  }
}
