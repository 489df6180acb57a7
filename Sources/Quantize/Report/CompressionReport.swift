import ZooRuntime

/// What a tool did to a model: for every layer what became of it and what that cost, and why others were left alone.
public struct CompressionReport: Sendable, Hashable, Codable {
  /// What was done: `dynamic int8`, `int4 weights in blocks of 32`, `pruned 2:4`.
  public let recipe: String
  /// Bytes of all weights before and after, without lossless compression. A pruned weight counts as a bit per element
  /// and its elements that are not zero, if that is less.
  public var bytesBefore = 0
  public var bytesAfter = 0
  public var layers: [Layer] = []
  public var leftAlone: [LeftAlone] = []
  /// The model's outputs compared with those of the model before, over all samples; empty without samples.
  public var outputs: [Output] = []
  /// What else happened to the model.
  public var notes: [String] = []

  public init(recipe: String) { self.recipe = recipe }

  /// A layer that was changed.
  public struct Layer: Sendable, Hashable, Codable {
    /// The node's name, or that of its first output.
    public let node: String
    public let operatorType: String
    public let weight: String
    public let shape: [Int]
    /// How the weight is kept now: `int8 per channel`.
    public let method: String
    public let bytesBefore: Int
    public let bytesAfter: Int
    /// Error of the weight: 10 · log₁₀(Σ w² / Σ (w′ − w)²) in decibels, `nil` if it is exact.
    public let decibels: Double?
    /// √(Σ (w′ − w)² / Σ w²)
    public let relativeError: Double
    /// The share of elements that are 0 now.
    public let sparsity: Double
    /// The same measure for what the layer computes in the whole model, over all samples: errors of the layers before
    /// it are in it. `nil` without samples, if it is exact, or if the layer is in a subgraph.
    public var outputDecibels: Double?
  }

  /// A layer that was left as it was.
  public struct LeftAlone: Sendable, Hashable, Codable {
    public let node: String
    public let operatorType: String
    public let reason: String
  }

  /// An output of the model.
  public struct Output: Sendable, Hashable, Codable {
    public let name: String
    /// `nil` if nothing differs.
    public let decibels: Double?
    public let relativeError: Double
    /// Of both, taken as vectors over all samples.
    public let cosine: Double
    public let largestError: Double
  }
}

extension CompressionReport {
  mutating func leave(_ layer: WeightedLayer, _ reason: String) {
    leftAlone.append(
      LeftAlone(node: layer.name, operatorType: layer.node.opType, reason: reason))
  }

  mutating func add(
    _ layer: WeightedLayer, method: String, bytes: Int, error: SignalError, sparsity: Double
  ) {
    layers.append(
      Layer(
        node: layer.name, operatorType: layer.node.opType, weight: layer.weightName,
        shape: layer.weight.shape, method: method, bytesBefore: layer.weight.byteCount,
        bytesAfter: bytes, decibels: error.decibels.finite, relativeError: error.relative,
        sparsity: sparsity))
  }

  mutating func add(_ layer: WeightedLayer, method: String, _ weight: QuantizedWeight) {
    var zeros = 0
    weight.grid.forEachRun { elements, first, step in
      var group = first
      for index in elements {
        let zero = Int8(truncatingIfNeeded: weight.zeroPoints[group])
        zeros += weight.integers[index] == zero ? 1 : 0
        group += step
      }
    }
    add(
      layer, method: method, bytes: weight.byteCount, error: weight.error,
      sparsity: Double(zeros) / Double(max(weight.integers.count, 1)))
  }
}

extension Double {
  var finite: Double? { isFinite ? self : nil }
}

extension Model {
  /// Bytes of all weights of all graphs as they are in memory.
  var weightByteCount: Int {
    graphs.reduce(0) { $0 + $1.weights.values.reduce(0) { $0 + $1.byteCount } }
  }
}
