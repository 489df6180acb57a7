import CSchemas

// Types, extents and values.
extension ModelPacker {
  /// The row of a type; what it holds comes first.
  mutating func row(of type: ValueType) -> UInt32 {
    let row: TypeRow
    switch type {
    case .tensor(let tensor): row = self.row(of: tensor, ZOO__TYPE_KIND__TENSOR)
    case .sparseTensor(let tensor): row = self.row(of: tensor, ZOO__TYPE_KIND__SPARSE_TENSOR)
    case .sequence(let content):
      row = TypeRow(
        kind: ZOO__TYPE_KIND__SEQUENCE.rawValue, content: self.row(of: content) + 1)
    case .optional(let content):
      row = TypeRow(
        kind: ZOO__TYPE_KIND__OPTIONAL.rawValue, content: self.row(of: content) + 1)
    case .map(let key, let value):
      row = TypeRow(
        kind: ZOO__TYPE_KIND__MAP.rawValue, element: UInt32(key.rawValue),
        content: self.row(of: value) + 1)
    }
    return types.row(of: row)
  }

  private mutating func row(of type: TensorType, _ kind: Zoo__TypeKind) -> TypeRow {
    var row = TypeRow(kind: kind.rawValue, element: UInt32(type.element.rawValue))
    guard let shape = type.shape else { return row }
    row.isRanked = true
    for dimension in shape.dimensions { row.extents.append(number(of: dimension)) }
    return row
  }

  private mutating func number(of dimension: Dimension) -> UInt32 {
    var row = ExtentRow()
    switch dimension {
    case .unknown: return 0
    case .fixed(let value): row.constant = Int64(value)
    case .symbolic(let extent):
      for term in extent.terms {
        if term.factors.isEmpty {
          row.constant = Int64(term.coefficient)
        } else {
          row.coefficients.append(Int64(term.coefficient))
          row.factorCounts.append(UInt32(term.factors.count))
          row.factors += texts(term.factors)
        }
      }
    }
    return extents.row(of: row) + 1
  }

  func message(_ row: TypeRow) throws(ModelError) -> UnsafeMutablePointer<Zoo__Type>? {
    try arena.message(zoo__type__init) { m in
      m.kind = Zoo__TypeKind(rawValue: row.kind)
      m.element = row.element
      m.ranked = row.isRanked ? 1 : 0
      (m.n_extents, m.extents) = arena.array(row.extents)
      m.content = row.content
    }
  }

  func message(_ row: ExtentRow) throws(ModelError) -> UnsafeMutablePointer<Zoo__Extent>? {
    try arena.message(zoo__extent__init) { m in
      m.constant = row.constant
      (m.n_coefficients, m.coefficients) = arena.array(row.coefficients)
      (m.n_factor_counts, m.factor_counts) = arena.array(row.factorCounts)
      (m.n_factors, m.factors) = arena.array(row.factors)
    }
  }

  func message(_ row: OperatorRow) throws(ModelError) -> UnsafeMutablePointer<Zoo__Operator>? {
    try arena.message(zoo__operator__init) { m in
      m.type = row.type
      m.domain = row.domain
      m.overload = row.overload
    }
  }

  mutating func value(_ value: ValueInfo) throws(ModelError) -> UnsafeMutablePointer<Zoo__Value>? {
    try arena.message(zoo__value__init) { m in
      m.name = text.number(of: value.name)
      m.type = value.type.map { row(of: $0) + 1 } ?? 0
      m.documentation = text.number(of: value.documentation)
      (m.n_metadata, m.metadata) = arena.array(metadata(value.metadata))
    }
  }
}
