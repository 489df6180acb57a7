/// Operators on matrices and running products.
let matrixParts: [Decomposition] = [
  Decomposition("CumProd") { (call) throws(ModelError) in
    let (x, rank) = (try call.input(0), try call.rank())
    guard let given = call.builder.integers(call.node.inputs[1])?.first else {
      throw call.refused("its axis depends on data", expected: "a constant axis")
    }
    let axis = try Shape.normalize(given, rank: rank)
    let isReverse = try call.reader.bool("reverse", default: false)
    let isExclusive = try call.reader.bool("exclusive", default: false)
    let others = (0..<rank).filter { $0 != axis }
    let count = x.extents(axis..<axis + 1)
    // One row for each product, in which the factors that it does not have are 1.
    let builder = call.builder
    let ones = builder.scalar(1, .i32).expanded(Term.joined([count, count]))
    let shift = isExclusive ? (isReverse ? 1 : -1) : 0
    let taken = ones.apply(
      "Trilu", builder.scalar(Double(shift), .i64),
      attributes: [Attribute("upper", .int(isReverse ? 1 : 0))])
    let rows = x.transposed(others + [axis]).unsqueezed([rank - 1])
    let factors = taken.cast(to: .bool).chooses(rows, 1)
    let products = factors.apply(
      "ReduceProd", builder.list([rank]), attributes: [Attribute("keepdims", .int(0))])
    var back = others + [axis]
    for (target, source) in (others + [axis]).enumerated() { back[source] = target }
    return [products.transposed(back)]
  },
  Decomposition("CausalConvWithState") { (call) throws(ModelError) in
    let (x, w) = (try call.input(0), try call.input(1))
    let builder = call.builder
    let channels = x.extents(1..<2)
    let state = Term.joined([x.extents(0..<2), w.extents(2..<3) - builder.list([1])])
    let past = call.has(3) ? try call.input(3) : builder.scalar(0, x.element).expanded(state)
    let line = Term.joined([past, x], axis: 2)
    guard let groups = call.builder.shape(try call.value(1))?[0].value else {
      throw call.refused("its channels are not known", expected: "a fixed number of them")
    }
    var y = line.apply("Conv", w, attributes: [Attribute("group", .int(Int64(groups)))])
    if call.has(2) { y = y + (try call.input(2)).unsqueezed([1]) }
    if try call.reader.string("activation", default: "none") != "none" {
      y = y * y.apply("Sigmoid")
    }
    let present = line.slice(x.extents(2..<3), line.extents(2..<3), axes: [2])
    return [
      y,
      present.reshaped(
        Term.joined([
          x.extents(0..<1), channels,
          state.slice(
            builder.list([2]), builder.list([3]), axes: [0]),
        ])),
    ]
  },
]
