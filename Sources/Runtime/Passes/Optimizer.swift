/// All passes of this library, in the order in which they run.
public let builtinPasses: [any Pass] = [
  ConstantFolding(),
  IdentityRemoval(),
  BlockProductFusion(),
  DynamicProductFusion(),
  QuantizeHoisting(),
  QuantizedLayerFusion(),
  QuantizedMapFusion(),
  ChannelsLastLayout(),
  ConstantFolding(keepsQuantized: false),
  AffineFolding(),
  EinsumLowering(),
  NormalizationFusion(),
  HalfWidening(),
  AttentionFusion(),
  ProductFusion(),
  ChannelBlocking(),
]

/// Runs passes over all graphs of a model.
struct Optimizer {
  private var model: Model
  private let options: Session.Options
  private var log: [PassNote] = []
  /// Types of the model as it is now, `nil` if it has changed since.
  private var types: ModelTypes?

  private init(model: Model, options: Session.Options) {
    self.model = model
    self.options = options
  }

  struct Result {
    let model: Model
    let log: [PassNote]
  }

  /// How often one pass may run over a graph before it is taken to be going in circles.
  private static let rounds = 16

  static func prepare(
    _ model: Model, _ options: Session.Options
  ) throws(ModelError) -> Result {
    let completed = StandardFunctions.completed(model, options.registry)
    let lifted = try ConstantLifting.lift(FunctionInlining.inline(completed))
    let plain = try GradientExpansion.expand(lifted, options.registry)
    var run = Optimizer(model: try decoded(plain), options: options)
    guard options.optimizes else { return Result(model: run.model, log: []) }
    for pass in options.passes {
      for index in model.graphs.indices where run.model.isReachable(GraphID(index)) {
        try run.apply(pass, GraphID(index))
      }
    }
    return Result(model: run.model, log: run.log)
  }

  /// Decodes all weights, so that passes and programs share them.
  private static func decoded(_ model: Model) throws(ModelError) -> Model {
    var model = model
    for index in model.graphs.indices {
      for (value, weight) in model.graphs[index].weights {
        do throws(ModelError) {
          model.graphs[index].weights[value] = try weight.decoded()
        } catch { throw error.at(operand: "weight '\(model[value].name)'") }
      }
    }
    return model
  }

  private mutating func apply(_ pass: any Pass, _ graph: GraphID) throws(ModelError) {
    for _ in 0..<Self.rounds {
      let types = try inferredTypes()
      var context = PassContext(
        editor: GraphEditor(model, graph), types: types.types, constants: types.constants,
        registry: options.registry, pass: pass.name)
      let changed = try pass.run(&context)
      log += context.notes.filter { $0.outcome == .applied || !changed }
      guard changed else { return }
      context.editor.removeDeadNodes()
      model = context.editor.model
      self.types = nil
    }
  }

  private mutating func inferredTypes() throws(ModelError) -> ModelTypes {
    if let types { return types }
    let inferred = try ModelTypes(model, registry: options.registry)
    types = inferred
    return inferred
  }
}

extension Model {
  /// The model after passes, for tools that want it simpler before they change it.
  package func rewritten(by passes: [any Pass]) throws(ModelError) -> Model {
    var options = Session.Options()
    options.passes = passes
    return try Optimizer.prepare(self, options).model
  }
}
