/// The labels of a classifier: integers or strings.
struct ClassLabels: Sendable {
  private let strings: [String]?
  private let integers: [Int]

  init(_ node: NodeReader, integers name: String) throws(ModelError) {
    let names = try node.strings("classlabels_strings", default: [])
    strings = names.isEmpty ? nil : names
    integers = try node.ints(name, default: [])
    guard names.isEmpty != integers.isEmpty else {
      throw ModelError(
        .invalidAttribute, "\(names.count) string labels and \(integers.count) integer labels",
        expected: "labels of one kind")
    }
  }

  var count: Int { strings?.count ?? integers.count }
  var elementType: ElementType { strings == nil ? .i64 : .string }

  /// The labels at places of the list; a place outside counts as a label of its own number.
  func tensor(_ places: [Int]) throws(ModelError) -> Tensor {
    if let strings {
      return try Tensor(
        strings: places.map { strings[checked: $0] ?? "\($0)" }, shape: [places.count])
    }
    return try Tensor(places.map { integers[checked: $0] ?? $0 }, shape: [places.count])
  }
}
