// A plugin: an operator and a task in a shared library, which `zoo-tool --plugin` loads.
import Zoo

@_cdecl("zoo_plugin_register")
public func register(version: Int32, registrar: UnsafeMutableRawPointer) -> Int32 {
  guard version == PluginLibrary.version else { return PluginLibrary.version }
  PluginRegistrar.at(registrar).add(Example())
  return 0
}

struct Example: Plugin {
  let name = "example"

  func register(into registry: inout PluginRegistry) throws(ModelError) {
    try registry.register(
      operator: OperatorEntry("Cube", domain: "example", [1], Cube.init), by: name)
    try registry.register(task: TextLengths(), by: name)
  }
}

/// `Cube`: y = x³ for each element of a tensor of `f32`.
struct Cube: TensorOperator {
  init(_ node: NodeReader) throws(ModelError) { try node.require(inputs: 1...1) }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    [.tensor(try inputs.tensor(0, of: [.f32]))]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let count = try io.input(0).count
    return Kernel("cube_f32", reuses: [0: 0]) { context in
      let x = context.input(0, as: Float.self)
      let y = context.output(0, as: Float.self)
      for index in 0..<count { y[index] = x[index] * x[index] * x[index] }
    }
  }
}

/// Gives a model with one `f32` input the number of bytes of each text.
struct TextLengths: ModelTask {
  let name = "text-lengths"
  let summary = "what a model makes of the length of a text"

  func pipeline(for model: Model) throws(ModelError) -> any TaskPipeline {
    guard let input = model.main.requiredInputs.first, let output = model.main.outputs.first else {
      throw ModelError(
        .invalidRequest, "a graph without inputs or outputs", expected: "one of each")
    }
    return Pipeline(input: model[input].name, output: model[output].name)
  }

  struct Pipeline: TaskPipeline {
    let input: String
    let output: String
    let inputKind = RawInput.Kind.text

    func prepare(_ inputs: [RawInput], limit: Int) throws(ModelError) -> [PreparedBatch] {
      var lengths: [Float] = []
      for case .text(let text) in inputs { lengths.append(Float(text.utf8.count)) }
      let tensor = try Tensor(lengths, shape: [lengths.count])
      return [PreparedBatch(indices: Array(inputs.indices), tensors: [input: tensor])]
    }

    func answers(
      _ outputs: [String: Tensor], for batch: PreparedBatch
    ) throws(ModelError) -> [Answer] {
      let values = try outputs[output]?.array(of: Float.self) ?? []
      return values.map { Answer([JSON.Member("value", .double(Double($0)))]) }
    }
  }
}
