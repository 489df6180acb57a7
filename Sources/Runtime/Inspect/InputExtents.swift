/// Numbers for what a model's input types leave open: by symbol (`batch`), or by input and axis (`x.0`), which comes
/// first. Everything else that is open is `other`.
struct InputExtents {
  let numbers: [String: Int]
  var other = 1

  /// The type of an input with a number for each of its extents. Axes that are named give rank to a tensor without.
  func bind(_ type: ValueType, of input: String) -> ValueType {
    guard case .tensor(let type) = type else { return type }
    let named = numbers.keys.compactMap(Self.axis).filter { $0.input == input }.map { $0.axis + 1 }
    let open = Array(repeating: Dimension.unknown, count: named.max() ?? 0)
    let dimensions = (type.shape?.dimensions ?? open).enumerated().map {
      (axis, dimension) -> Dimension in
      switch dimension {
      case .fixed: dimension
      case .symbolic(let symbol):
        .fixed(number(input, axis) ?? numbers[symbol.description] ?? other)
      case .unknown: .fixed(number(input, axis) ?? other)
      }
    }
    return .tensor(type.element, Shape(dimensions))
  }

  private func number(_ input: String, _ axis: Int) -> Int? {
    numbers.isEmpty ? nil : numbers["\(input).\(axis)"]
  }

  /// `x.0` as input and axis; `nil` for what is no such name.
  fileprivate static func axis(_ key: String) -> (input: String, axis: Int)? {
    guard let dot = key.lastIndex(of: "."), let axis = Int(key[key.index(after: dot)...]),
      (0..<Int(UInt8.max)).contains(axis)
    else { return nil }
    return (String(key[..<dot]), axis)
  }
}

extension Model {
  /// - Parameter extents: Numbers by symbol of an input type, or by input and axis.
  /// - Throws: `.invalidRequest` for a name that is neither, or an axis whose extent is fixed at another number.
  package func requireOpenExtents(_ extents: [String: Int]) throws(ModelError) {
    let shapes = main.inputs.map { (name: self[$0].name, shape: self[$0].type?.tensorType?.shape) }
    var symbols: Set<String> = []
    for case .symbolic(let extent) in shapes.flatMap({ $0.shape?.dimensions ?? [] }) {
      symbols.formUnion(extent.symbols)
    }
    for (key, number) in extents.sorted(by: { $0.key < $1.key }) where !symbols.contains(key) {
      let place = InputExtents.axis(key)
      guard let place, let input = shapes.first(where: { $0.name == place.input }),
        input.shape.map({ place.axis < $0.rank }) ?? true
      else { throw stray(key, symbols, shapes.first?.name) }
      guard let fixed = input.shape?[place.axis].value, fixed != number else { continue }
      throw ModelError(
        .invalidRequest, "an extent of \(number) for axis \(place.axis) of input '\(place.input)'",
        expected: "\(fixed), which its type says")
    }
  }

  private func stray(_ key: String, _ symbols: Set<String>, _ input: String?) -> ModelError {
    let names = symbols.sorted().map { "'\($0)'" }
    let axes = input.map { "an axis of an input, such as '\($0).0'" }
    return ModelError(
      .invalidRequest, "an extent for '\(key)'",
      expected: "one for " + (names + [axes].compactMap { $0 }).joined(separator: ", "))
  }
}
