/// All passes of this library, in the order in which they run.
public let builtinPasses: [any Pass] = [
  ConstantFolding(),
  IdentityRemoval(),
  ContributedLowering(),
  ActivationRecognition(),
  BlockProductFusion(),
  DynamicProductFusion(),
  UnsignedCodes(),
  QuantizeHoisting(),
  QuantizedLayerFusion(),
  QuantizedMapFusion(),
  CodeBlocking(),
  ChannelsLastLayout(),
  LookupRecognition(),
  ReshapeSinking(),
  TableFolding(),
  ConstantFolding(keepsQuantized: false),
  MovementMerging(),
  PadFolding(),
  AffineFolding(),
  EinsumLowering(),
  NormalizationFusion(),
  HalfWidening(),
  AttentionFusion(),
  ProductFusion(),
  ChannelBlocking(),
  PointwiseFusion(),
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

  /// How often one pass may run over the model before it is taken to be going in circles.
  private static let rounds = 16

  static func prepare(
    _ model: Model, _ options: Session.Options
  ) throws(ModelError) -> Result {
    let completed = StandardFunctions.completed(model, options.registry)
    let lifted = try ConstantLifting.lift(FunctionInlining.inline(completed))
    let standard = try NchwcExpansion.expand(lifted, options.registry)
    let plain = try GradientExpansion.expand(standard, options.registry)
    var run = Optimizer(model: try decoded(plain), options: options)
    guard options.optimizes else { return Result(model: run.model, log: []) }
    for pass in options.passes { try run.apply(pass) }
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

  /// Runs a pass over all graphs until it changes nothing.
  ///
  /// Types are inferred for all graphs of one depth together: what a pass does in one says nothing about its neighbours,
  /// and a model can have as many graphs as nodes.
  private mutating func apply(_ pass: any Pass) throws(ModelError) {
    var declined: [GraphID: [PassNote]] = [:]
    for _ in 0..<Self.rounds {
      var hasChanged = false
      var enclosing: [GraphID: [GraphID]] = [.main: []]
      var level = [GraphID.main]
      while !level.isEmpty {
        let types = try inferredTypes()
        for graph in level {
          let (changed, notes) = try apply(pass, graph, enclosing[graph] ?? [], types)
          log += notes.filter { $0.outcome == .applied }
          declined[graph] = changed ? nil : notes.filter { $0.outcome == .declined }
          if changed {
            hasChanged = true
            self.types = nil
          }
        }
        level = level.flatMap { graph in
          model[graph].nodes.flatMap(\.graphs).filter { body in
            guard enclosing[body] == nil else { return false }
            enclosing[body] = [graph] + (enclosing[graph] ?? [])
            return true
          }
        }
      }
      if !hasChanged { break }
    }
    log += declined.sorted { $0.key.index < $1.key.index }.flatMap(\.value)
  }

  private mutating func apply(
    _ pass: any Pass, _ graph: GraphID, _ enclosing: [GraphID], _ types: ModelTypes
  ) throws(ModelError) -> (changed: Bool, notes: [PassNote]) {
    // The model moves to the editor and back: a second owner would make each change copy its tables.
    var moved = Model()
    swap(&moved, &model)
    var context = PassContext(
      editor: GraphEditor(consume moved, graph, enclosing: enclosing), types: types.types,
      constants: types.constants, registry: options.registry, pass: pass.name)
    let changed = try pass.run(&context)
    if changed { context.editor.removeDeadNodes() }
    model = context.editor.close()
    return (changed, context.notes)
  }

  private mutating func inferredTypes() throws(ModelError) -> ModelTypes {
    if let types { return types }
    let inferred = try ModelTypes(naming: model, registry: options.registry)
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
