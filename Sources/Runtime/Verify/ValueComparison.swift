/// How far computed values are from expected ones.
public struct ValueComparison: Sendable, Encodable {
  /// The element that differs most, measured in tolerances.
  public struct Worst: Sendable, Encodable {
    /// Where it is: `[2, 0, 7]`, within a sequence `#3 [2, 0, 7]`.
    public let index: String
    public let got: String
    public let want: String
  }

  public let matches: Bool
  /// Why the values cannot be compared at all: another type, another shape; `nil` if they can.
  public let mismatch: String?
  public let worst: Worst?

  /// Compares element by element: |got − want| ≤ `absolute` + `relative` · |want|; NaN equals NaN, infinities must
  /// have the same sign; integers are compared by the same rule, strings and truth values must be equal.
  public init(
    got: Value, want: Value, absolute: Double, relative: Double
  ) throws(ModelError) {
    var comparer = Comparer(absolute: absolute, relative: relative)
    try comparer.compare(got, want, "")
    mismatch = comparer.mismatch
    matches = comparer.mismatch == nil && comparer.distance <= 1
    worst = comparer.worst
  }

  private struct Comparer {
    let absolute: Double
    let relative: Double
    var mismatch: String?
    var distance = 0.0
    var worst: Worst?

    init(absolute: Double, relative: Double) {
      self.absolute = absolute
      self.relative = relative
    }

    mutating func compare(_ got: Value, _ want: Value, _ path: String) throws(ModelError) {
      switch (got, want) {
      case (.tensor(let a), .tensor(let b)): try compare(a, b, path)
      case (.sequence(let a, _), .sequence(let b, _)) where a.count == b.count:
        for (index, (x, y)) in zip(a, b).enumerated() { try compare(x, y, path + "#\(index) ") }
      case (.optional(let a, _), .optional(let b, _)):
        if let a, let b { return try compare(a, b, path) }
        if a != nil { differ(path, "a value", "nothing") }
        if b != nil { differ(path, "nothing", "a value") }
      // A model's optional output may come as the value itself.
      case (.optional(let a?, _), let b): try compare(a, b, path)
      case (let a, .optional(let b?, _)): try compare(a, b, path)
      case (.map(let a), .map(let b)):
        let (a, b) = (try a.sorted(), try b.sorted())
        try compare(a.keys, b.keys, path + "keys ")
        try compare(a.values, b.values, path + "values ")
      case (.sparse(let a), .sparse(let b)) where a.shape == b.shape:
        try compare(a.indices, b.indices, path + "indices ")
        try compare(a.values, b.values, path + "values ")
      default: differ(path, got.summary, want.summary)
      }
    }

    private mutating func differ(_ path: String, _ got: String, _ want: String) {
      if mismatch == nil { mismatch = "\(path)got \(got), want \(want)" }
    }

    private mutating func compare(
      _ got: Tensor, _ want: Tensor, _ path: String
    ) throws(ModelError) {
      guard got.elementType == want.elementType, got.shape == want.shape else {
        return differ(path, got.type.description, want.type.description)
      }
      if let a = got.strings, let b = want.strings {
        for (index, (x, y)) in zip(a, b).enumerated() where x != y {
          note(.infinity, path, index, got.shape, "'\(x)'", "'\(y)'")
        }
        return
      }
      let a = try got.doubles()
      let b = try want.doubles()
      let parts = got.elementType.isComplex ? 2 : 1
      for index in a.indices where a[index] != b[index] && !(a[index].isNaN && b[index].isNaN) {
        let distance = measure(a[index], b[index], isExact: got.elementType == .bool)
        note(distance, path, index / parts, got.shape, "\(a[index])", "\(b[index])")
      }
    }

    /// The difference in units of the tolerance.
    private func measure(_ got: Double, _ want: Double, isExact: Bool) -> Double {
      let difference = abs(got - want)
      let tolerance = absolute + relative * abs(want)
      let isComparable = difference.isFinite && tolerance.isFinite && tolerance > 0
      if isExact || !isComparable { return .infinity }
      return difference / tolerance
    }

    private mutating func note(
      _ distance: Double, _ path: String, _ index: Int, _ shape: [Int], _ got: String,
      _ want: String
    ) {
      guard distance > self.distance || worst == nil else { return }
      self.distance = distance
      worst = Worst(index: path + coordinates(index, shape), got: got, want: want)
    }

    private func coordinates(_ index: Int, _ shape: [Int]) -> String {
      var rest = index
      var coordinates: [Int] = []
      for extent in shape.reversed() {
        coordinates.append(rest % max(extent, 1))
        rest /= max(extent, 1)
      }
      return "\(Array(coordinates.reversed()))"
    }
  }
}

extension Value {
  fileprivate var summary: String {
    switch self {
    case .sequence(let values, let element): "a sequence of \(values.count) \(element)"
    default: "\(type)"
    }
  }
}

extension ValueMap {
  /// The same map with ascending keys: their order means nothing.
  fileprivate func sorted() throws(ModelError) -> ValueMap {
    var order = Array(0..<keys.count)
    if let names = keys.strings {
      order.sort { names[$0] < names[$1] }
    } else {
      let numbers = try keys.doubles()
      order.sort { numbers[$0] < numbers[$1] }
    }
    func taken(_ tensor: Tensor) throws(ModelError) -> Tensor {
      let places = Value.tensor(try Tensor(order, shape: [order.count]))
      let rows = try OperatorCall.evaluate(
        Gather(axis: 0), [.tensor(tensor), places], outputCount: 1)
      return rows.first?.tensor ?? tensor
    }
    let keys = try taken(keys)
    switch values {
    case .tensor(let tensor): return ValueMap(keys: keys, values: .tensor(try taken(tensor)))
    case .sequence(let elements, let type) where elements.count == order.count:
      return ValueMap(keys: keys, values: .sequence(order.map { elements[$0] }, element: type))
    default: return self
    }
  }
}
