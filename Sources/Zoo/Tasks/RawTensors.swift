import ModelFormat

/// Tensors in, tensors out: the task of a model of which nothing more is known.
public struct RawTensors: ModelTask {
  public let name = "tensors"
  public let summary = "takes and gives tensors"

  public init() {}

  public func pipeline(for model: Model) throws(ModelError) -> any TaskPipeline { Pipeline() }

  private struct Pipeline: TaskPipeline {
    var inputKind: RawInput.Kind { .tensors }

    func prepare(_ inputs: [RawInput], limit: Int) throws(ModelError) -> [PreparedBatch] {
      let all = try RawInput.unwrap(inputs, .tensors) {
        if case .tensors(let tensors) = $0 { tensors } else { nil }
      }
      return all.enumerated().map { PreparedBatch(indices: [$0], tensors: $1) }
    }

    /// The shapes as fields, the tensors themselves beside them.
    func answers(
      _ outputs: [String: Tensor], for batch: PreparedBatch
    ) throws(ModelError) -> [Answer] {
      var answer = Answer(
        outputs.sorted { $0.key < $1.key }.map { name, tensor in
          JSON.Member(name, .string("\(tensor.type)"))
        })
      answer.tensors = outputs
      return [answer]
    }
  }
}
