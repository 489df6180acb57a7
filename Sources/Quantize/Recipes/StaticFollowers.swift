import ZooRuntime

/// Nodes between convolutions whose inputs are worth rounding as well, so that a runtime stays in 8 bits from one
/// convolution to the next: sums, gates, and pools of what is rounded anyway.
struct StaticFollowers {
  struct Follower {
    let index: Int
    let node: Node
    /// Which inputs are activations.
    let inputs: [Int]
  }

  private let editor: GraphEditor
  private static let reach = 12

  init(_ editor: GraphEditor) { self.editor = editor }

  /// Operators that may stand between a convolution and what follows it.
  private static let transparent: Set = [
    "Relu", "LeakyRelu", "Clip", "Sigmoid", "HardSigmoid", "HardSwish", "MaxPool", "AveragePool",
    "GlobalAveragePool", "BatchNormalization", "Concat", "Add", "Sum", "Mul", "Div", "Resize",
    "Upsample",
  ]
  /// Operators that give elements of what they read, or means of them.
  private static let pools: Set = ["MaxPool", "AveragePool", "GlobalAveragePool", "Concat"]

  /// Sums and products of two values that come from convolutions, at least one of which is among `quantized`: between
  /// others, rounding would cost accuracy for nothing.
  func joins(behind quantized: Set<Int>) -> [Follower] {
    editor.indices.compactMap { index in
      guard let node = standard(index), ["Add", "Sum", "Mul"].contains(node.opType),
        node.inputs.count == 2, let a = node.inputs[0], let b = node.inputs[1], a != b,
        let left = convolution(behind: a), let right = convolution(behind: b),
        quantized.contains(left) || quantized.contains(right), !isPart(a, of: b), !isPart(b, of: a)
      else { return nil }
      return Follower(index: index, node: node, inputs: [0, 1])
    }
  }

  /// Pools and concatenations of values among `rounded`.
  func pools(of rounded: Set<ValueID>) -> [Follower] {
    editor.indices.compactMap { index in
      guard let node = standard(index), Self.pools.contains(node.opType) else { return nil }
      let inputs = node.inputs.indices.filter { position in
        node.inputs[position].map(rounded.contains) ?? false
      }
      return inputs.isEmpty ? nil : Follower(index: index, node: node, inputs: inputs)
    }
  }

  private func standard(_ index: Int?) -> Node? {
    guard let index, let node = editor.nodes[index], Model.canonical(node.domain).isEmpty else {
      return nil
    }
    return node
  }

  /// The convolution that a value comes from.
  private func convolution(behind value: ValueID, within reach: Int = reach) -> Int? {
    guard reach > 0, let index = editor.producer(of: value), let node = standard(index) else {
      return nil
    }
    if node.opType == "Conv" { return index }
    guard Self.transparent.contains(node.opType), let first = node.inputs[0] else { return nil }
    return convolution(behind: first, within: reach - 1)
  }

  /// Whether `value` is made of `whole` and constants alone: then both are one activation, such as x · sigmoid(x).
  private func isPart(_ whole: ValueID, of value: ValueID, within reach: Int = 4) -> Bool {
    guard reach > 0, let node = standard(editor.producer(of: value)) else { return false }
    if node.inputs.contains(whole) {
      return node.inputs.allSatisfy { $0 == nil || $0 == whole || editor.weight($0) != nil }
    }
    let varying = node.inputs.compactMap { $0 }.filter { editor.weight($0) == nil }
    return varying.count == 1 && node.opType != "Conv"
      && isPart(whole, of: varying[0], within: reach - 1)
  }
}
