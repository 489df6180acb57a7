import CSchemas

// Types, extents, values and operators.
extension ModelUnpacker {
  mutating func readExtents() throws(ModelError) {
    for row in rows(message.extents, message.n_extents) {
      let row = try present(row)
      let coefficients = numbers(row.coefficients, row.n_coefficients)
      let counts = numbers(row.factor_counts, row.n_factor_counts)
      guard counts.count == coefficients.count else {
        throw .badGraph(
          "an extent of \(coefficients.count) coefficients and \(counts.count) counts of factors",
          expected: "as many of both")
      }
      let factors = try texts(numbers(row.factors, row.n_factors))
      var terms = [SymbolicExtent.Term(factors: [], coefficient: Int(row.constant))]
      var start = 0
      for (coefficient, count) in zip(coefficients, counts) {
        guard count > 0, Int(count) <= factors.count - start else {
          throw .badGraph(
            "a term of \(count) factors", expected: "1 ... \(factors.count - start)")
        }
        terms.append(
          .init(
            factors: factors[start..<start + Int(count)].sorted(), coefficient: Int(coefficient)))
        start += Int(count)
      }
      guard start == factors.count else {
        throw .badGraph("\(factors.count) factors of an extent", expected: "\(start)")
      }
      guard let extent = SymbolicExtent.collect(terms) else {
        throw .badGraph("an extent with coefficients that overflow, or too many names")
      }
      extents.append(extent.dimension)
    }
  }

  mutating func readTypes() throws(ModelError) {
    var depths: [Int] = []
    for row in rows(message.types, message.n_types) {
      let row = try present(row)
      let type: ValueType
      var depth = 1
      switch row.kind {
      case ZOO__TYPE_KIND__TENSOR: type = .tensor(try tensorType(row))
      case ZOO__TYPE_KIND__SPARSE_TENSOR: type = .sparseTensor(try tensorType(row))
      case ZOO__TYPE_KIND__SEQUENCE, ZOO__TYPE_KIND__OPTIONAL, ZOO__TYPE_KIND__MAP:
        guard row.content > 0, row.content <= types.count else {
          throw .badGraph(
            "content \(row.content) of type \(types.count)", expected: "an earlier type")
        }
        let content = types[Int(row.content) - 1]
        depth += depths[Int(row.content) - 1]
        switch row.kind {
        case ZOO__TYPE_KIND__SEQUENCE: type = .sequence(content)
        case ZOO__TYPE_KIND__OPTIONAL: type = .optional(content)
        default: type = .map(key: try elementType(row.element), value: content)
        }
      default: throw .badGraph("type of kind \(row.kind.rawValue)", expected: "0 ... 4")
      }
      guard depth <= limits.depth else {
        throw .overLimit("a type nested \(depth) deep", "depth", limits.depth)
      }
      types.append(type)
      depths.append(depth)
    }
  }

  private func tensorType(_ row: Zoo__Type) throws(ModelError) -> TensorType {
    let element = try elementType(row.element)
    guard row.ranked != 0 else { return TensorType(element, nil) }
    var dimensions: [Dimension] = []
    for number in numbers(row.extents, row.n_extents) {
      guard number <= extents.count else {
        throw .badRow("extent", number, of: extents.count + 1)
      }
      dimensions.append(number == 0 ? .unknown : extents[Int(number) - 1])
    }
    return TensorType(element, Shape(dimensions))
  }

  func value(_ row: UnsafeMutablePointer<Zoo__Value>?) throws(ModelError) -> ValueInfo {
    let row = try present(row)
    var value = ValueInfo(name: try text(row.name))
    if row.type > 0 { value.type = try element(types, row.type - 1, "type") }
    value.documentation = try text(row.documentation)
    value.metadata = try metadata(numbers(row.metadata, row.n_metadata))
    return value
  }

  struct OperatorName {
    let type: String
    let domain: String
    let overload: String
  }

  func readOperators() throws(ModelError) -> [OperatorName] {
    var operators: [OperatorName] = []
    for row in rows(message.operators, message.n_operators) {
      let row = try present(row)
      operators.append(
        OperatorName(
          type: try text(row.type), domain: try text(row.domain), overload: try text(row.overload)))
    }
    return operators
  }
}
