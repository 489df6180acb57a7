import ZooRuntime

/// Which layers of a model a tool works on.
///
///     var layers = LayerSelection()
///     layers.exclude = ["*/attention/*"]
///
/// A pattern is the name of a node or of its weight, in which `*` stands for any characters and `?` for one. A node
/// without a name goes by the name of its first output.
public struct LayerSelection: Sendable, Hashable {
  /// Only layers that one of these matches; all if there are none.
  public var include: [String] = []
  /// No layers that one of these matches.
  public var exclude: [String] = []
  /// Only nodes of these operators, such as `MatMul`; all that the tool knows if `nil`.
  public var operators: Set<String>?
  /// Weights with fewer elements are left alone: they save next to nothing.
  public var minimumElements = 256

  public init(
    include: [String] = [], exclude: [String] = [], operators: Set<String>? = nil,
    minimumElements: Int = 256
  ) {
    self.include = include
    self.exclude = exclude
    self.operators = operators
    self.minimumElements = minimumElements
  }

  /// Why the layer is not selected; `nil` if it is.
  func refusal(_ layer: WeightedLayer) -> String? {
    let names = [layer.name, layer.weightName]
    if let operators, !operators.contains(layer.node.opType) {
      return "\(layer.node.opType) is not among the operators asked for"
    }
    if let pattern = exclude.first(where: { p in names.contains { Glob.matches(p, $0) } }) {
      return "excluded by '\(pattern)'"
    }
    if !include.isEmpty, !include.contains(where: { p in names.contains { Glob.matches(p, $0) } }) {
      return "not included by any pattern"
    }
    if layer.weight.elementCount < minimumElements {
      return "its weight has fewer than \(minimumElements) elements"
    }
    return nil
  }

  /// - Throws: `.invalidRequest` for a pattern or an operator that matches no layer: it is likely misspelt.
  func check(against layers: [WeightedLayer]) throws(ModelError) {
    for name in (operators ?? []).sorted() where !layers.contains(where: { $0.node.opType == name })
    {
      let known = Set(layers.map(\.node.opType)).sorted()
      throw ModelError(
        .invalidRequest, "no layer of operator '\(name)'",
        expected: known.isEmpty
          ? "a model with layers that have weights"
          : "one of \(known.joined(separator: ", "))")
    }
    for pattern in include + exclude {
      let isUsed = layers.contains {
        Glob.matches(pattern, $0.name) || Glob.matches(pattern, $0.weightName)
      }
      if isUsed { continue }
      throw ModelError(
        .invalidRequest, "pattern '\(pattern)' matches no layer",
        expected: layers.isEmpty
          ? "a model with layers that have weights"
          : "the name of a layer or of a weight, such as '\(layers[0].name)'")
    }
  }
}

/// File-name patterns: `*` is any run of characters, `?` is one.
enum Glob {
  static func matches(_ pattern: String, _ text: String) -> Bool {
    let (pattern, text) = (Array(pattern.unicodeScalars), Array(text.unicodeScalars))
    var (p, t) = (0, 0)
    // Where to go on if what follows the last star does not match here.
    var retry: (pattern: Int, text: Int)?
    while t < text.count {
      if p < pattern.count, pattern[p] == "*" {
        retry = (p + 1, t)
        p += 1
      } else if p < pattern.count, pattern[p] == "?" || pattern[p] == text[t] {
        p += 1
        t += 1
      } else if let star = retry {
        retry = (star.pattern, star.text + 1)
        (p, t) = (star.pattern, star.text + 1)
      } else {
        return false
      }
    }
    return pattern[p...].allSatisfy { $0 == "*" }
  }
}
