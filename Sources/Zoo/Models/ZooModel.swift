import ModelFormat
import ZooRuntime

/// A model with all that is needed to ask it something.
///
///     let digits = try ZooModel("digits")
///     let answer = try digits.run([.image(Image(contentsOf: "seven.png"))])[0]
///     print(answer.label!, answer.score!)                                          // 7 0.998
///
/// Any number of tasks and threads may use it at once.
public struct ZooModel: Sendable {
  public let model: Model
  public let session: Session
  public let task: any ModelTask
  public let card: ModelCard?
  let pipeline: any TaskPipeline

  /// Inputs that run together at most.
  public static let batchLimit = 32

  /// Opens a model by name or path; see ``ModelStore/open(_:)``.
  ///
  /// A text model in a file of its own finds its `tokenizer.json` or `vocab.txt` beside it, or in a folder of the same
  /// name.
  ///
  /// - Parameters:
  ///   - reference: A registered name, or a path.
  ///   - task: What the model is for; by default what its name or its card says, or what it looks like.
  ///   - assets: Used in place of the model's own of the same name.
  ///   - registry: The plugins to use.
  ///   - limits: What the model's readers may spend.
  ///   - options: How to run it; the registry's own by default.
  /// - Throws: `.invalidRequest` if there is no such model or task, and all that opening and preparing it can throw.
  public init(
    _ reference: String, task: String? = nil, assets: [Asset] = [],
    registry: PluginRegistry = .standard, limits: ReadLimits = .default,
    options: Session.Options? = nil
  ) throws(ModelError) {
    let store = ModelStore(registry: registry, limits: limits)
    var entry = try store.open(reference)
    entry.model.assets.removeAll { own in assets.contains { $0.name == own.name } }
    entry.model.assets += assets
    if let path = entry.path {
      try ModelFolder.attachTokenizer(to: &entry.model, path: path, store: store)
    }
    try self.init(
      entry.model, task: task ?? entry.task, registry: registry, options: options)
  }

  public init(
    _ model: Model, task: String? = nil, registry: PluginRegistry = .standard,
    options: Session.Options? = nil
  ) throws(ModelError) {
    card = try model.card()
    if let name = task ?? card?.task {
      self.task = try registry.task(name)
    } else {
      self.task = registry.tasks.first { $0.recognizes(model) } ?? RawTensors()
    }
    do throws(ModelError) {
      pipeline = try self.task.pipeline(for: model)
    } catch { throw error.at(file: model.fileName) }
    session = try Session(model, options: options ?? registry.sessionOptions)
    self.model = model
  }

  /// What ``run(_:progress:)`` takes.
  public var inputKind: RawInput.Kind { pipeline.inputKind }

  /// The columns of a row that the model reads, in its order; none if it takes inputs of other kinds. A row without one
  /// of them is answered as if its cell were empty.
  public var columnNames: [String] { pipeline.columnNames }

  /// Answers all inputs, several at a time where the model allows it.
  ///
  /// - Parameters:
  ///   - inputs: All of ``inputKind``.
  ///   - progress: Called with the number of inputs that are done, after each group.
  /// - Returns: One answer for each input, in their order.
  /// - Throws: `.invalidRequest` if an input is of another kind than ``inputKind``, and all that preparing and
  ///   running can throw; there are no partial answers.
  public func run(
    _ inputs: [RawInput], progress: (Int) -> Void = { _ in }
  ) throws(ModelError) -> [Answer] {
    var answers = [Answer?](repeating: nil, count: inputs.count)
    var done = 0
    for batch in try pipeline.prepare(inputs, limit: batchLimit) {
      let results = try pipeline.answers(session.run(batch.tensors), for: batch)
      guard results.count == batch.indices.count else {
        throw ModelError(
          .invalidRequest, "\(results.count) answers of the task '\(task.name)'",
          expected: "\(batch.indices.count), one for each input")
      }
      for (index, answer) in zip(batch.indices, results) { answers[index] = answer }
      done += results.count
      progress(done)
    }
    return answers.compactMap { $0 }
  }

  /// The answer to one input.
  public func run(_ input: RawInput) throws(ModelError) -> Answer {
    let answers = try run([input])
    guard let answer = answers.first else {
      throw ModelError(.invalidRequest, "no answer of the task '\(task.name)'", expected: "one")
    }
    return answer
  }

  /// The number of inputs that the graph can take at once: what its inputs fix as their first extent.
  private var batchLimit: Int {
    let fixed = session.inputs.compactMap { $0.type?.tensorType?.shape?.dimensions.first?.value }
    return min(fixed.min() ?? Self.batchLimit, Self.batchLimit)
  }
}

extension PluginRegistry {
  /// Options of a session with this registry's operators and passes.
  public var sessionOptions: Session.Options {
    var options = Session.Options()
    options.registry = operators
    options.passes = passes
    return options
  }
}
