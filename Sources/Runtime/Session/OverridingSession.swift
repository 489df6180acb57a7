import Synchronization

/// The session for runs that give inputs which have a default in the model. It is made for the first such run: hardly
/// anybody gives weights, and those that cannot change are packed, folded and fused.
final class OverridingSession: Sendable {
  private let model: Model
  private let options: Session.Options
  private let made = Mutex<Session?>(nil)

  init(_ model: Model, _ options: Session.Options) {
    var options = options
    options.fixesDefaults = false
    (self.model, self.options) = (model, options)
  }

  func session() throws(ModelError) -> Session {
    try made.withLock { (made) throws(ModelError) in
      if let made { return made }
      let session = try Session(model, options: options)
      made = session
      return session
    }
  }

  /// Values for all inputs: the required ones, those that were given, and defaults.
  func values(
    _ required: [Value], _ changed: [String: Value], _ inputs: [Session.Parameter]
  ) throws(ModelError) -> [Value] {
    var next = required.makeIterator()
    var values: [Value] = []
    for input in inputs {
      let value = input.isRequired ? next.next() : changed[input.name]
      if let value {
        values.append(value)
      } else if let id = model.main.inputs.first(where: { model[$0].name == input.name }),
        let weight = model.main.weights[id]
      {
        values.append(.tensor(try weight.tensor()))
      }
    }
    return values
  }
}

extension Model {
  /// The inputs of the main graph that have a default. Before IR version 4 weights had to be listed as inputs, and none
  /// could be given.
  var overridableInputs: Set<ValueID> {
    irVersion >= 4 ? Set(main.inputs.filter { main.weights[$0] != nil }) : []
  }

  /// The model in which these are no inputs.
  func without(inputs: Set<ValueID>) -> Model {
    guard !inputs.isEmpty else { return self }
    var model = self
    model.main.inputs.removeAll { inputs.contains($0) }
    return model
  }
}
