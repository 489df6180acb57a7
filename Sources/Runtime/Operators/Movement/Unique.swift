/// `Unique`: each element, or each slice along an axis, once.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `X`  | any   | any           |
/// | output | `Y`  | | type of `X` |
/// | output | `indices`, `inverse_indices`, `counts`, optional | `[n]` | `i64`: first place of each, its place for each, how many |
/// | attr   | `axis` | | without it the input counts as a list |
/// | attr   | `sorted` | | 1 (default): ascending; 0: as they come |
///
/// Source: ONNX `Unique`, opsets 11 and 28.
struct Unique: ValueOperator {
  private let axis: Int?
  private let isSorted: Bool

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1, outputs: 1...4)
    axis = node.has("axis") ? try node.int("axis") : nil
    isSorted = try node.bool("sorted", default: true)
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let type = try inputs.tensor(0)
    var shape = type.shape
    if let axis {
      if let axis = try shape?.axis(axis) { shape?[axis] = .unknown }
    } else {
      shape = [.unknown]
    }
    let list = ValueType.tensor(.i64, [.unknown])
    return [.tensor(type.element, shape), list, list, list]
  }

  func evaluate(_ call: ValueCall) throws(ModelError) -> [Value] {
    var x = try call.tensor(0)
    if axis == nil { x = try x.reshaped(to: [x.count]) }
    let axis = try Shape.normalize(axis ?? 0, rank: x.shape.count)
    let ranks = try x.ranks()
    let strides = rowMajorStrides(x.shape)
    var others = x.shape
    others[axis] = 1
    var slices = [[Int]](repeating: [], count: x.shape[axis])
    for place in slices.indices {
      forEachOffset(others, strides) { _, offset in
        slices[place].append(ranks[offset + place * strides[axis]])
      }
    }
    var numbers: [[Int]: Int] = [:]
    var firsts: [Int] = []
    var inverse: [Int] = []
    var counts: [Int] = []
    for (place, slice) in slices.enumerated() {
      let number = numbers[slice] ?? firsts.count
      if number == firsts.count {
        numbers[slice] = number
        firsts.append(place)
        counts.append(0)
      }
      inverse.append(number)
      counts[number] += 1
    }
    if isSorted {
      let order = firsts.indices.sorted {
        slices[firsts[$0]].lexicographicallyPrecedes(slices[firsts[$1]])
      }
      var places = [Int](repeating: 0, count: order.count)
      for (place, number) in order.enumerated() { places[number] = place }
      inverse = inverse.map { places[$0] }
      counts = order.map { counts[$0] }
      firsts = order.map { firsts[$0] }
    }
    let lists = try [firsts, inverse, counts].map { (list) throws(ModelError) in
      Value.tensor(try Tensor(list, shape: [list.count]))
    }
    let chosen = try OperatorCall.evaluate(
      Gather(axis: axis), [.tensor(x), .tensor(Tensor(firsts, shape: [firsts.count]))],
      outputCount: 1)
    return chosen + lists
  }
}

extension Tensor {
  /// A number for each element, in the order of the elements; equal ones have equal numbers, NaN comes last.
  fileprivate func ranks() throws(ModelError) -> [Int] {
    if let strings { return Tensor.ranks(strings) }
    if elementType == .bool { return try array(of: Bool.self).map { $0 ? 1 : 0 } }
    if let doubles {
      var numbers = Tensor.ranks(doubles.filter { !$0.isNaN }).makeIterator()
      return doubles.map { $0.isNaN ? Int.max : numbers.next() ?? Int.max }
    }
    if elementType == .u64 { return Tensor.ranks(try array(of: UInt64.self)) }
    return try anyIntegers()
  }

  private static func ranks<T: Hashable & Comparable>(_ values: [T]) -> [Int] {
    var numbers: [T: Int] = [:]
    for (number, value) in Set(values).sorted().enumerated() { numbers[value] = number }
    return values.map { numbers[$0] ?? 0 }
  }
}
