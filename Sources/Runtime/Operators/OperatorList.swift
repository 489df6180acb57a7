/// Every operator of this library: one line each, by family.
let builtinOperators: [OperatorEntry] = shapeOperators

private let shapeOperators: [OperatorEntry] = [
  .init("Identity", [1, 13, 14, 16, 19, 21, 23, 24, 25], Identity.init),
  .init("Reshape", [1, 5, 13, 14, 19, 21, 23, 24, 25], Reshape.init),
  .init("Shape", [1, 13, 15, 19, 21, 23, 24, 25], ShapeOf.init),
]
