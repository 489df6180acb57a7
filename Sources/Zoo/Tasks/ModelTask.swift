import ModelFormat
import ZooRuntime

/// What a kind of model is for: how raw input becomes tensors, and tensors become answers.
///
/// A task looks at the model and its assets once, in ``pipeline(for:)``, and refuses there what it cannot serve.
public protocol ModelTask: Sendable {
  /// `text-classification`, `image-classification`, …: what the model's card says.
  var name: String { get }
  /// One line for people.
  var summary: String { get }
  /// Whether a model without a card is for this task.
  func recognizes(_ model: Model) -> Bool
  /// - Throws: `.malformed` or `.invalidRequest` if an asset is missing or the graph does not fit the task.
  func pipeline(for model: Model) throws(ModelError) -> any TaskPipeline
}

extension ModelTask {
  public func recognizes(_ model: Model) -> Bool { false }
}

/// A task made ready for one model.
public protocol TaskPipeline: Sendable {
  /// What it accepts.
  var inputKind: RawInput.Kind { get }

  /// The columns of a row that it reads; none for inputs of other kinds.
  var columnNames: [String] { get }

  /// Makes tensors of inputs, in groups that run together. Every input is in exactly one group.
  ///
  /// - Parameters:
  ///   - inputs: All that are asked at once.
  ///   - limit: The most inputs of one group.
  func prepare(_ inputs: [RawInput], limit: Int) throws(ModelError) -> [PreparedBatch]

  /// Makes answers of the outputs of one group, one for each of its inputs and in their order.
  func answers(_ outputs: [String: Tensor], for batch: PreparedBatch) throws(ModelError) -> [Answer]
}

extension TaskPipeline {
  public var columnNames: [String] { [] }
}

/// Inputs that run together.
public struct PreparedBatch: Sendable {
  /// Which of the inputs these are.
  public var indices: [Int]
  public var tensors: [String: Tensor]

  public init(indices: [Int], tensors: [String: Tensor]) {
    self.indices = indices
    self.tensors = tensors
  }
}

extension PreparedBatch {
  /// Groups of at most `limit` inputs of like size, so that padding to the largest of a group costs little.
  package static func groups(sizes: [Int], limit: Int) -> [[Int]] {
    var groups: [[Int]] = []
    let order = sizes.indices.sorted { (sizes[$0], $0) < (sizes[$1], $1) }
    for index in order {
      if let last = groups.last, last.count < max(1, limit),
        sizes[index] <= sizes[last[0]] + sizes[last[0]] / 4 + 4
      {
        groups[groups.count - 1].append(index)
      } else {
        groups.append([index])
      }
    }
    return groups
  }
}

extension RawInput {
  /// - Throws: `.invalidRequest` unless the input is of the kind that `value` takes out of it.
  static func unwrap<T>(
    _ inputs: [RawInput], _ kind: Kind, _ value: (RawInput) -> T?
  ) throws(ModelError) -> [T] {
    var values: [T] = []
    for (index, input) in inputs.enumerated() {
      guard let value = value(input) else {
        throw ModelError(
          .invalidRequest, "input #\(index) is of kind \(input.kind.rawValue)",
          expected: kind.rawValue)
      }
      values.append(value)
    }
    return values
  }

  static func texts(_ inputs: [RawInput]) throws(ModelError) -> [String] {
    try unwrap(inputs, .text) { if case .text(let text) = $0 { text } else { nil } }
  }

  static func images(_ inputs: [RawInput]) throws(ModelError) -> [Image] {
    try unwrap(inputs, .image) { if case .image(let image) = $0 { image } else { nil } }
  }
}
