/// Every operator of this library: one line each, by family.
let builtinOperators: [OperatorEntry] = shapeOperators + matrixOperators

private let shapeOperators: [OperatorEntry] = [
  .init("Identity", [1, 13, 14, 16, 19, 21, 23, 24, 25], Identity.init),
  .init("Reshape", [1, 5, 13, 14, 19, 21, 23, 24, 25], Reshape.init),
  .init("Shape", [1, 13, 15, 19, 21, 23, 24, 25], ShapeOf.init),
]

private let matrixOperators: [OperatorEntry] = [
  .init("FusedGemm", domain: "zoo", [1], Gemm.init),
  .init("FusedMatMul", domain: "zoo", [1], MatMul.init),
  .init("Gemm", [1, 6, 7, 9, 11, 13], Gemm.init),
  .init("MatMul", [1, 9, 13], MatMul.init),
]
