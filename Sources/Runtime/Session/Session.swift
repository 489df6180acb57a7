import CKernels
import Synchronization

/// A model made ready to run.
///
///     let session = try Session(contentsOf: "mnist.zoo")
///     let image = try Tensor(pixels, shape: [1, 784])                 // f32, 0 ... 1
///     let scores = try session.run(["image": image])["scores"]!       // f32 [1, 10]
///
/// A session may be used by any number of tasks and threads at once: they share its weights, and each run has memory
/// of its own. A plan is made for each new set of input extents and kept.
public final class Session: Sendable {
  public struct Options: Sendable {
    /// The most threads that one run may use; `nil` for as many as the process may use.
    public var threads: Int?
    /// Whether the graph is rewritten to run faster. Results then differ in rounding only.
    public var optimizes = true
    /// The operators that nodes may use.
    public var registry = OperatorRegistry.standard
    /// The passes that rewrite the graph, in order.
    public var passes: [any Pass] = builtinPasses

    public init() {}
  }

  public struct Parameter: Sendable {
    public let name: String
    public let type: ValueType?
    /// False for an input with a default in the model.
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
  private let defaults: [String: Tensor]
  let threads: Int

  /// Makes a model ready to run.
  ///
  /// - Throws: Everything that can be refused before the model runs: `.invalidGraph`, `.unsupportedOperator` with
  ///   all operators that are missing, `.invalidAttribute`, `.elementTypeMismatch`, `.shapeMismatch`, …
  public init(_ model: Model, options: Options = Options()) throws(ModelError) {
    let file = model.fileName
    do throws(ModelError) {
      let prepared = try Optimizer.prepare(model, options)
      let builder = ProgramBuilder(model: prepared.model, registry: options.registry)
      program = try builder.build()
      let inference = try TypeInference(program, inputTypes: program.inputTypes)
      self.model = prepared.model
      passLog = prepared.log
      let main = model.main
      let built = program
      var defaults: [String: Tensor] = [:]
      for slot in built.inputs {
        guard let value = built.values[slot], let weight = main.weights[value] else { continue }
        defaults[model[value].name] = try weight.tensor()
      }
      self.defaults = defaults
      inputs = built.inputs.enumerated().compactMap { index, slot in
        built.values[slot].map { value in
          Parameter(
            name: prepared.model[value].name, type: built.inputTypes[index],
            isRequired: main.weights[value] == nil)
        }
      }
      outputs = zip(main.outputs, built.outputs).map { value, slot in
        Parameter(
          name: model[value].name, type: inference.types[slot] ?? model[value].type,
          isRequired: false)
      }
    } catch { throw error.at(file: file) }
    threads = max(1, options.threads ?? Int(zoo_threads_available()))
  }

  /// Makes the model of a `.zoo` or ONNX file ready to run.
  ///
  /// - Throws: What reading the file can throw, and what `init(_:options:)` does.
  public convenience init(
    contentsOf path: String, options: Options = Options(), limits: ReadLimits = .default
  ) throws(ModelError) {
    try self.init(Model(contentsOf: path, limits: limits), options: options)
  }

  /// Runs the model once.
  ///
  /// - Parameter inputs: One tensor for each of ``inputs``, by name; those that are not required may be left out.
  ///   Element types must match exactly: nothing is converted. A fixed extent must match; a symbolic one (`batch`,
  ///   `sequence`) may be any number ≥ 0, the same wherever that symbol occurs.
  /// - Returns: One tensor for each of ``outputs``, by name, in memory of its own.
  /// - Throws: ``ModelError`` with code `.missingInput`, `.unknownInput`, `.elementTypeMismatch` or
  ///   `.shapeMismatch` before anything is computed; `.outOfRange` when data leaves its legal range. After a throw
  ///   the session can be used again.
  /// - Complexity: The first run with a given set of extents plans, O(nodes); later runs allocate their outputs only.
  public func run(_ inputs: [String: Tensor]) throws(ModelError) -> [String: Tensor] {
    let computed = try run(
      count: inputs.count, names: { Array(inputs.keys) }, value: { inputs[$0].map(Value.tensor) })
    var results: [String: Tensor] = [:]
    results.reserveCapacity(computed.count)
    for (parameter, value) in zip(outputs, computed) {
      guard let tensor = value.tensor else {
        throw ModelError(
          .elementTypeMismatch, "output '\(parameter.name)' is \(value.type)",
          expected: "a tensor", remedy: "call run(values:) for models with other outputs")
      }
      results[parameter.name] = tensor
    }
    return results
  }

  /// Runs the model once, on values of any kind: tensors, sequences, optionals, maps.
  public func run(values: [String: Value]) throws(ModelError) -> [String: Value] {
    named(try run(values, observer: nil))
  }

  func named(_ computed: [Value]) -> [String: Value] {
    var results: [String: Value] = [:]
    results.reserveCapacity(computed.count)
    for (parameter, value) in zip(outputs, computed) { results[parameter.name] = value }
    return results
  }

  /// The outputs in the graph's order.
  func run(
    _ values: [String: Value], observer: (any RunObserver)?
  ) throws(ModelError) -> [Value] {
    try run(
      count: values.count, names: { Array(values.keys) }, observer: observer, value: { values[$0] })
  }

  /// - Parameters:
  ///   - count: How many values are given.
  ///   - names: What they are given for.
  ///   - value: The value for an input.
  private func run(
    count: Int, names: () -> [String], observer: (any RunObserver)? = nil,
    value: (String) -> Value?
  ) throws(ModelError) -> [Value] {
    do throws(ModelError) {
      let ordered = try order(count, names, value)
      return try PlanRun.run(program, ordered, threads: threads, observer: observer) {
        () throws(ModelError) in
        try InputCheck.check(ordered, against: self.inputs)
      }
    } catch { throw error.at(file: model.fileName) }
  }

  private func order(
    _ count: Int, _ names: () -> [String], _ value: (String) -> Value?
  ) throws(ModelError) -> [Value] {
    var ordered: [Value] = []
    ordered.reserveCapacity(inputs.count)
    var used = 0
    var missing: Parameter?
    for parameter in inputs {
      if let value = value(parameter.name) {
        used += 1
        ordered.append(value)
      } else if let tensor = defaults[parameter.name] {
        ordered.append(.tensor(tensor))
      } else if missing == nil {
        missing = parameter
      }
    }
    // A wrong name is also a missing one: the wrong one says more.
    if used != count { throw InputCheck.unknown(names(), inputs) }
    if let missing { throw InputCheck.missing(missing, inputs) }
    return ordered
  }
}
