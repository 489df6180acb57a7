import ModelFormat

/// The operators of `com.microsoft.nchwc`: what ONNX Runtime leaves in models that it saves after it has laid images out
/// in blocks of channels.
///
/// | operator | as the standard's | attributes of its own |
/// |----------|-------------------|------------------------|
/// | `ReorderInput` | | `channels_last`: whether its input is `[n, h, w, c]` |
/// | `ReorderOutput` | | `channels`: how many count; `channels_last` |
/// | `Conv` | `Conv`, then `Sum` with input 3, then an activation | `activation`, `activation_params` |
/// | `MaxPool`, `AveragePool`, `GlobalMaxPool`, `GlobalAveragePool` | the same | |
/// | `Upsample` | `Resize` | `scales`, `mode`, `coordinate_transformation_mode` |
///
/// A tensor in blocks has the shape `[n, c, h, w]`, `c` a multiple of the block `b`, and the elements of
/// `[n, c / b, h, w, b]`. All elements are `f32`. Nodes of these operators are replaced before anything is planned: see
/// ``NchwcExpansion``. Source: ONNX Runtime's domain `com.microsoft.nchwc`, version 1.
struct NchwcOperator: ValueOperator {
  static let domain = "com.microsoft.nchwc"

  enum Kind: Sendable {
    case reorderInput(channelsLast: Bool)
    case reorderOutput(channels: Int, channelsLast: Bool)
    case conv(group: Int, activation: Node?)
    case pool
    case upsample([Attribute], scales: [Float])
  }

  let kind: Kind

  init(reorderInput node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1)
    kind = .reorderInput(channelsLast: try node.bool("channels_last", default: false))
  }

  init(reorderOutput node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1)
    let channels = try node.int("channels")
    guard channels > 0 else {
      throw ModelError(.invalidAttribute, "\(channels) channels", expected: "1 or more")
    }
    kind = .reorderOutput(
      channels: channels, channelsLast: try node.bool("channels_last", default: false))
  }

  init(conv node: NodeReader) throws(ModelError) {
    try node.require(inputs: 2...4)
    let group = try node.int("group", default: 1)
    guard group > 0 else {
      throw ModelError(.invalidAttribute, "group is \(group)", expected: "1 or more")
    }
    kind = .conv(group: group, activation: try Self.activation(node))
  }

  init(pool node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1)
    kind = .pool
  }

  init(upsample node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1)
    let scales = try node.ints("scales")
    guard scales.count == 4, scales[0] == 1, scales[1] == 1, scales.allSatisfy({ $0 > 0 }) else {
      throw ModelError(.invalidAttribute, "scales are \(scales)", expected: "[1, 1, h, w]")
    }
    let mode = try node.choice("mode", of: ["nearest", "linear"], default: "nearest")
    let transform = try node.choice(
      "coordinate_transformation_mode", of: ["asymmetric", "align_corners", "half_pixel"],
      default: "asymmetric")
    kind = .upsample(
      [
        Attribute("mode", .string(mode)), Attribute("nearest_mode", .string("floor")),
        Attribute("coordinate_transformation_mode", .string(transform)),
      ], scales: scales.map(Float.init))
  }

  /// The activation as a node of the standard, whose operands are to be filled in.
  private static func activation(_ node: NodeReader) throws(ModelError) -> Node? {
    let name = try node.string("activation", default: "")
    let names = [
      "LeakyRelu": ["alpha"], "HardSigmoid": ["alpha", "beta"], "Clip": ["min", "max"],
      "Relu": [], "Sigmoid": [], "Tanh": [],
    ]
    if name.isEmpty { return nil }
    guard let parameters = names[name] else {
      throw ModelError(
        .invalidAttribute, "attribute 'activation' is '\(name)'",
        expected: "one of " + names.keys.sorted().map { "'\($0)'" }.joined(separator: ", "))
    }
    let values = try node.floats("activation_params", default: [])
    var activation = Node(
      name, inputs: [], outputs: [],
      attributes: zip(parameters, values).map { Attribute($0, .float($1)) })
    // The last version whose `Clip` has its bounds as attributes; the others have not changed since.
    activation.opset = 6
    return activation
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    _ = try inputs.tensor(0, of: [.f32])
    return [.tensor(.f32, nil)]
  }

  func evaluate(_ call: ValueCall) throws(ModelError) -> [Value] {
    throw ModelError(
      .unsupportedOperator, "an image in blocks of channels", expected: "one in a prepared model")
  }
}
