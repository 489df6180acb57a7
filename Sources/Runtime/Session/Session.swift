import CKernels

/// A model made ready to run.
///
///     let session = try Session(contentsOf: "mnist.zoo")
///     let image = try Tensor(pixels, shape: [1, 784])                 // f32, 0 ... 1
///     let scores = try session.run(["image": image])["scores"]!       // f32 [1, 10]
///
/// A session may be used by any number of tasks and threads at once: they share its weights, and each run has memory
/// of its own. A plan is made for each new set of input extents and kept.
///
/// ## In a server
///
/// Make one session for each model when the process starts, with ``prepare(extents:)`` for the extents that requests will
/// have, and share it. What is computed does not depend on who else computes at the same time.
///
/// - A run works on the thread that calls it until it is done; cancelling a task does not end it. In a task it holds one of
///   the threads that all tasks share: runs of milliseconds belong there, longer ones on a task executor or a thread of
///   the program's own.
/// - All sessions of a process share one pool of threads, as many as the container's limit allows. It helps one run at a
///   time; runs that find it busy go on alone. With as many callers as processors, `options.threads = 1` gives the most
///   runs a second, and the least that a run waits for others.
/// - ``run(_:reusing:)`` allocates no memory for outputs. A tensor may view the program's own bytes, see `TensorBuffer`.
/// - ``Options/idleMemory`` bounds what is kept between runs; `TensorMemory.limit` bounds all tensors of the process.
/// - A child of `fork` may use the sessions of its parent: it starts threads of its own. It must not be forked while
///   another thread runs a model, for what that one holds is never given back in the child.
public final class Session: Sendable {
  public struct Options: Sendable {
    /// The most threads that one run may use; `nil` for as many as the process may use.
    public var threads: Int?
    /// The most bytes of working memory that are kept between runs. What the last run used is always kept; what runs need
    /// while they are under way is not bounded here.
    public var idleMemory = 256 << 20
    /// Whether the graph is rewritten to run faster. Results then differ in rounding only.
    public var optimizes = true
    /// The operators that nodes may use.
    public var registry = OperatorRegistry.standard
    /// The passes that rewrite the graph, in order.
    public var passes: [any Pass] = builtinPasses
    /// Whether inputs with a default are weights, and `overriding` serves who gives them.
    var fixesDefaults = true

    public init() {}
  }

  public struct Parameter: Sendable {
    public let name: String
    public let type: ValueType?
    /// False for an input with a default in the model. The first run that gives it makes the model ready once more, with
    /// weights of its own.
    public let isRequired: Bool
  }

  /// The model's inputs, in its order.
  public let inputs: [Parameter]
  /// The model's outputs, in its order, with types as far as they can be told before it runs.
  public let outputs: [Parameter]
  /// The model as it runs: after the passes.
  public let model: Model
  /// What the passes did, and what they declined to do and why.
  public let passLog: [PassNote]

  let program: Program
  /// Those of ``inputs`` that the program takes.
  let taken: [Parameter]
  /// Runs that give inputs with a default; `nil` if there are none. For all others the defaults are weights like any.
  let overriding: OverridingSession?
  let threads: Int
  let pool: RunPool

  /// Makes a model ready to run.
  ///
  /// - Throws: Everything that can be refused before the model runs: `.invalidGraph`, `.unsupportedOperator` with
  ///   all operators that are missing, `.invalidAttribute`, `.elementTypeMismatch`, `.shapeMismatch`, …
  public init(_ model: Model, options: Options = Options()) throws(ModelError) {
    let file = model.fileName
    do throws(ModelError) {
      let defaults = options.fixesDefaults ? model.overridableInputs : []
      let prepared = try Optimizer.prepare(model.without(inputs: defaults), options)
      let builder = ProgramBuilder(model: prepared.model, registry: options.registry)
      let built = try builder.build()
      let inference = try TypeInference(built, inputTypes: built.inputTypes)
      program = built
      self.model = prepared.model
      passLog = prepared.log
      let taken = built.inputs.enumerated().compactMap { index, slot in
        built.values[slot].map { value in
          Parameter(
            name: prepared.model[value].name, type: built.inputTypes[index],
            isRequired: model.main.weights[value] == nil)
        }
      }
      self.taken = taken
      inputs =
        defaults.isEmpty
        ? taken
        : model.main.inputs.compactMap { value in
          let (name, type) = (model[value].name, model[value].type)
          guard defaults.contains(value) else { return taken.first { $0.name == name } }
          return Parameter(name: name, type: type, isRequired: false)
        }
      overriding = defaults.isEmpty ? nil : OverridingSession(model, options)
      outputs = zip(model.main.outputs, built.outputs).map { value, slot in
        Parameter(
          name: model[value].name, type: inference.types[slot] ?? model[value].type,
          isRequired: false)
      }
    } catch { throw error.at(file: file) }
    threads = max(1, options.threads ?? Int(zoo_threads_available()))
    pool = RunPool(capacity: max(0, options.idleMemory))
  }

  /// Makes the model of a `.zoo` or ONNX file ready to run.
  ///
  /// - Throws: What reading the file can throw, and what `init(_:options:)` does.
  public convenience init(
    contentsOf path: String, options: Options = Options(), limits: ReadLimits = .default
  ) throws(ModelError) {
    try self.init(Model(contentsOf: path, limits: limits), options: options)
  }

  /// Makes a model ready to run whose `.zoo` or ONNX file is in memory.
  ///
  /// - Throws: What reading the file can throw, and what `init(_:options:)` does.
  public convenience init(
    bytes: [UInt8], options: Options = Options(), limits: ReadLimits = .default
  ) throws(ModelError) {
    try self.init(Model(bytes: bytes, limits: limits), options: options)
  }
}
