// The operators of the numeric families, one line each; `builtinOperators` joins them.

import CKernels

let numericOperators: [OperatorEntry] = [
  elementwiseOperators,
  normalizationOperators,
  reductionOperators,
  conversionOperators,
  poolingOperators,
  resamplingOperators,
].flatMap { $0 }

private let elementwiseOperators: [OperatorEntry] =
  unaryFunctions.map(\.entry) + geluOperators + binaryFunctions.map(\.entry) + [
    .init("Abs", [1, 6, 13]) { (node) throws(ModelError) in try NumericUnary(node, .abs) },
    .init("Neg", [1, 6, 13]) { (node) throws(ModelError) in try NumericUnary(node, .neg) },
    .init("Sign", [9, 13]) { (node) throws(ModelError) in try NumericUnary(node, .sign) },
    .init("Relu", [1, 6, 13, 14]) { (node) throws(ModelError) in try NumericUnary(node, .relu) },
    .init("Clip", [1, 6, 11, 12, 13], Clip.init),
    .init("IsNaN", [9, 13, 20], FloatTest.init(isNaN:)),
    .init("IsInf", [10, 20], FloatTest.init(isInf:)),
    .init("Not", [1], BitwiseNot.init(logical:)),
    .init("BitwiseNot", [18], BitwiseNot.init(_:)),
    .init("Pow", [1, 7, 12, 13, 15], Pow.init(_:)),
    .init("Mod", [10, 13, 28], Pow.init(mod:)),
    .init("Min", [1, 6, 8, 12, 13]) { (node) throws(ModelError) in
      try Variadic(node, zoo_binary_min)
    },
    .init("Max", [1, 6, 8, 12, 13]) { (node) throws(ModelError) in
      try Variadic(node, zoo_binary_max)
    },
    .init("Pointwise", domain: "zoo", [1], Pointwise.init),
    .init("Sum", [1, 6, 8, 13]) { (node) throws(ModelError) in try Variadic(node, zoo_binary_add) },
    .init("Mean", [1, 6, 8, 13]) { (node) throws(ModelError) in
      try Variadic(node, zoo_binary_add, isMean: true)
    },
    .init("BitShift", [11, 28], BitShift.init),
    .init("SwiGLU", [28], SwiGLU.init),
  ] + logicOperators

private let logicOperators: [OperatorEntry] = [
  .init("And", [1, 7]) { (node) throws(ModelError) in try Logic(node, .and, bitwise: false) },
  .init("Or", [1, 7]) { (node) throws(ModelError) in try Logic(node, .or, bitwise: false) },
  .init("Xor", [1, 7]) { (node) throws(ModelError) in try Logic(node, .xor, bitwise: false) },
  .init("BitwiseAnd", [18]) { (node) throws(ModelError) in try Logic(node, .and, bitwise: true) },
  .init("BitwiseOr", [18]) { (node) throws(ModelError) in try Logic(node, .or, bitwise: true) },
  .init("BitwiseXor", [18]) { (node) throws(ModelError) in try Logic(node, .xor, bitwise: true) },
]

private let normalizationOperators: [OperatorEntry] = [
  .init("Softmax", [1, 11, 13]) { (node) throws(ModelError) in try Softmax(node, .plain) },
  .init("LogSoftmax", [1, 11, 13]) { (node) throws(ModelError) in try Softmax(node, .logarithm) },
  .init("Hardmax", [1, 11, 13]) { (node) throws(ModelError) in try Softmax(node, .hard) },
  .init("LayerNormalization", [1, 17]) { (node) throws(ModelError) in
    try LayerNormalization(node, rms: false)
  },
  .init("LayerNormalization", domain: "com.microsoft", [1]) { (node) throws(ModelError) in
    try LayerNormalization(node, rms: false)
  },
  .init("RMSNormalization", [23]) { (node) throws(ModelError) in
    try LayerNormalization(node, rms: true)
  },
  .init("SimplifiedLayerNormalization", [1]) { (node) throws(ModelError) in
    try LayerNormalization(node, rms: true)
  },
  .init("SkipLayerNormalization", domain: "com.microsoft", [1]) { (node) throws(ModelError) in
    try LayerNormalization(node, rms: false, skip: true)
  },
  .init("SkipSimplifiedLayerNormalization", domain: "com.microsoft", [1]) {
    (node) throws(ModelError) in try LayerNormalization(node, rms: true, skip: true)
  },
  .init("InstanceNormalization", [1, 6, 22], GroupNormalization.init(instance:)),
  .init("GroupNormalization", [18, 21], GroupNormalization.init(_:)),
  .init("BatchNormalization", [1, 6, 7, 9, 14, 15], BatchNormalization.init),
  .init("LRN", [1, 13], LocalNormalization.init(lrn:)),
  .init("LpNormalization", [1, 22], LocalNormalization.init(lp:)),
  .init("MeanVarianceNormalization", [9, 13], LocalNormalization.init(meanVariance:)),
]

private let reductionOperators: [OperatorEntry] = [
  .init("ReduceSum", [1, 11, 13]) { (node) throws(ModelError) in
    try Reduce(node, zoo_reduce_sum)
  },
  .init("ReduceMean", [1, 11, 13, 18]) { (node) throws(ModelError) in
    try Reduce(node, zoo_reduce_mean)
  },
  .init("ReduceMax", [1, 11, 12, 13, 18, 20]) { (node) throws(ModelError) in
    try Reduce(node, zoo_reduce_max)
  },
  .init("ReduceMin", [1, 11, 12, 13, 18, 20]) { (node) throws(ModelError) in
    try Reduce(node, zoo_reduce_min)
  },
  .init("ReduceProd", [1, 11, 13, 18]) { (node) throws(ModelError) in
    try Reduce(node, zoo_reduce_prod)
  },
  .init("ReduceSumSquare", [1, 11, 13, 18]) { (node) throws(ModelError) in
    try Reduce(node, zoo_reduce_sum_square)
  },
  .init("ReduceL1", [1, 11, 13, 18]) { (node) throws(ModelError) in
    try Reduce(node, zoo_reduce_l1)
  },
  .init("ReduceL2", [1, 11, 13, 18]) { (node) throws(ModelError) in
    try Reduce(node, zoo_reduce_l2)
  },
  .init("ReduceLogSum", [1, 11, 13, 18, 28]) { (node) throws(ModelError) in
    try Reduce(node, zoo_reduce_log_sum)
  },
  .init("ReduceLogSumExp", [1, 11, 13, 18, 28]) { (node) throws(ModelError) in
    try Reduce(node, zoo_reduce_log_sum_exp)
  },
  .init("ArgMax", [1, 11, 12, 13]) { (node) throws(ModelError) in
    try ArgExtreme(node, isMin: false)
  },
  .init("ArgMin", [1, 11, 12, 13]) { (node) throws(ModelError) in
    try ArgExtreme(node, isMin: true)
  },
  .init("CumSum", [11, 14]) { (node) throws(ModelError) in
    try Cumulative(node, isProduct: false)
  },
  .init("CumProd", [26]) { (node) throws(ModelError) in try Cumulative(node, isProduct: true) },
  .init("TopK", [1, 10, 11, 24], TopK.init),
]

private let conversionOperators: [OperatorEntry] = [
  .init("Cast", [1, 6, 9, 13, 19, 21, 23, 24, 25, 28], Cast.init(_:)),
  .init("CastLike", [15, 19, 21, 23, 24, 25], Cast.init(like:)),
  .init("QuantizeLinear", [10, 13, 19, 21, 23, 24, 25, 28], QuantizeLinear.init),
  .init("DequantizeLinear", [10, 13, 19, 21, 23, 24, 25, 28], DequantizeLinear.init),
]

private let poolingOperators: [OperatorEntry] = [
  .init("MaxPool", [1, 8, 10, 11, 12, 22], Pool.init(max:)),
  .init("AveragePool", [1, 7, 10, 11, 19, 22], Pool.init(average:)),
  .init("LpPool", [1, 2, 11, 18, 22], Pool.init(lp:)),
  .init("GlobalAveragePool", [1, 22]) { (node) throws(ModelError) in
    try GlobalPool(node, zoo_reduce_mean)
  },
  .init("GlobalMaxPool", [1, 22]) { (node) throws(ModelError) in
    try GlobalPool(node, zoo_reduce_max)
  },
  .init("GlobalLpPool", [1, 2, 22], GlobalPool.init(lp:)),
  .init("MaxUnpool", [9, 11, 22], MaxUnpool.init),
]

private let resamplingOperators: [OperatorEntry] = [
  .init("AffineGrid", [20], AffineGrid.init),
  .init("Resize", [10, 11, 13, 18, 19], Resize.init(_:)),
  .init("Upsample", [1, 7, 9, 10], Resize.init(upsample:)),
  .init("GridSample", [16, 20, 22], GridSample.init),
]
