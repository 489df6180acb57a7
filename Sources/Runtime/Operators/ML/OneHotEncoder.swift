/// `OneHotEncoder`: a row of zeros with a one at the place of the element's category.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `X`  | any   | `string`, or `i64`, `i32`, `f32`, `f64` rounded towards 0 |
/// | output | `Y`  | of `X`, then the number of categories | `f32` |
/// | attr   | `cats_strings` or `cats_int64s` | | the categories |
/// | attr   | `zeros` | | 1 (default): zeros for an unknown category; 0: refused |
///
/// Source: `ai.onnx.ml` `OneHotEncoder`, version 1.
struct OneHotEncoder: ValueOperator {
  private let categories: CategoryTable
  private let takesUnknown: Bool

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1)
    takesUnknown = try node.bool("zeros", default: true)
    if node.has("cats_strings") {
      let names = try node.strings("cats_strings")
      categories = try CategoryTable(Tensor(strings: names, shape: [names.count]))
    } else {
      let numbers = try node.ints("cats_int64s")
      categories = try CategoryTable(Tensor(numbers, shape: [numbers.count]))
    }
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let types: Set<ElementType> =
      categories.elementType == .string ? [.string] : FeatureRows.types
    let x = try inputs.tensor(0, of: types)
    return [.tensor(.f32, x.shape.map { Shape($0.dimensions + [.fixed(categories.count)]) })]
  }

  func evaluate(_ call: ValueCall) throws(ModelError) -> [Value] {
    let x = try call.tensor(0)
    let places = try categories.places(x)
    if !takesUnknown, let index = places.firstIndex(of: nil) {
      throw ModelError(
        .outOfRange, "element \(index) is no known category",
        expected: "one of \(categories.count) categories")
    }
    let count = categories.count
    let encoded = try Tensor(.f32, shape: x.shape + [count]) { bytes in
      let flags = bytes.bindMemory(to: Float.self)
      flags.update(repeating: 0)
      for (row, place) in places.enumerated() {
        if let place { flags[row * count + place] = 1 }
      }
    }
    return [.tensor(encoded)]
  }
}
