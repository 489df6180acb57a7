/// Every operator of this library: one line each, by family.
let builtinOperators: [OperatorEntry] = [
  shapeOperators,
  movementOperators,
  constantOperators,
  controlOperators,
  matrixOperators,
  convolutionOperators,
  channelBlockOperators,
  quantizedOperators,
  numericOperators,
  recurrentOperators,
  signalOperators,
  detectionOperators,
  lossOperators,
  sequenceOperators,
  stringOperators,
  randomOperators,
  classicalOperators,
  contributedOperators,
  trainingOperators,
].flatMap { $0 }

private let shapeOperators: [OperatorEntry] = [
  .init("BitCast", [26], BitCast.init),
  .init("Flatten", [1, 9, 11, 13, 21, 23, 24, 25], Flatten.init),
  .init("Identity", [1, 13, 14, 16, 19, 21, 23, 24, 25], Identity.init),
  .init("Reshape", [1, 5, 13, 14, 19, 21, 23, 24, 25], Reshape.init),
  .init("Shape", [1, 13, 15, 19, 21, 23, 24, 25], ShapeOf.init),
  .init("Size", [1, 13, 19, 21, 23, 24, 25], SizeOf.init),
  .init("Squeeze", [1, 11, 13, 21, 23, 24, 25], Squeeze.init),
  .init("Unsqueeze", [1, 11, 13, 21, 23, 24, 25], Unsqueeze.init),
]

private let movementOperators: [OperatorEntry] = [
  .init("CenterCropPad", [18], CenterCropPad.init),
  .init("Col2Im", [18], Col2Im.init),
  .init("Compress", [9, 11, 28], Compress.init),
  .init("Concat", [1, 4, 11, 13], Concat.init),
  .init("DepthToSpace", [1, 11, 13, 28], DepthToSpace.init),
  .init("Expand", [8, 13], Expand.init),
  .init("Gather", [1, 11, 13], Gather.init),
  .init("GatherElements", [11, 13], GatherElements.init),
  .init("GatherND", [11, 12, 13], GatherND.init),
  .init("NonZero", [9, 13], NonZero.init),
  .init("OneHot", [9, 11, 28], OneHot.init),
  .init("Pad", [1, 2, 11, 13, 18, 19, 21, 23, 24, 25], Pad.init),
  .init("ReverseSequence", [10, 28], ReverseSequence.init),
  .init("Scatter", [9, 11], ScatterElements.init),
  .init("ScatterElements", [11, 13, 16, 18], ScatterElements.init),
  .init("ScatterND", [11, 13, 16, 18], ScatterND.init),
  .init("Slice", [1, 10, 11, 13], Slice.init),
  .init("SpaceToDepth", [1, 13, 28], SpaceToDepth.init),
  .init("Split", [1, 2, 11, 13, 18], Split.init),
  .init("TensorScatter", [24], TensorScatter.init),
  .init("Tile", [1, 6, 13], Tile.init),
  .init("Transpose", [1, 13, 21, 23, 24, 25], Transpose.init),
  .init("Trilu", [14], Trilu.init),
  .init("Unique", [11, 28], Unique.init),
  .init("Where", [9, 16], Where.init),
]

private let constantOperators: [OperatorEntry] = [
  .init("BlackmanWindow", [17], WindowFunction.blackman),
  .init("Constant", [1, 9, 11, 12, 13, 19, 21, 23, 24, 25], Constant.init),
  .init("ConstantOfShape", [9, 20, 21, 23, 24, 25], ConstantOfShape.init),
  .init("Dropout", [1, 6, 7, 10, 12, 13, 22], Dropout.init),
  .init("EyeLike", [9, 22], EyeLike.init),
  .init("HammingWindow", [17], WindowFunction.hamming),
  .init("HannWindow", [17], WindowFunction.hann),
  .init("Range", [11, 27], RangeOfNumbers.init),
]

private let controlOperators: [OperatorEntry] = [
  .init("If", [1, 11, 13, 16, 19, 21, 23, 24, 25], If.init),
  .init("Loop", [1, 11, 13, 16, 19, 21, 23, 24, 25], Loop.init),
  .init("Scan", [8, 9, 11, 16, 19, 21, 23, 24, 25], Scan.init),
]

private let matrixOperators: [OperatorEntry] = [
  .init("FusedGemm", domain: "zoo", [1], Gemm.init),
  .init("FusedMatMul", domain: "zoo", [1], MatMul.init),
  .init("FusedAttention", domain: "zoo", [1], FusedAttention.init),
  .init("Attention", [23, 24, 25], Attention.init),
  .init("Det", [11, 22], Det.init),
  .init("Einsum", [12, 28], Einsum.init),
  .init("FlexAttention", domain: "ai.onnx.preview", [1], FlexAttention.init),
  .init("Gemm", [1, 6, 7, 9, 11, 13], Gemm.init),
  .init("LinearAttention", [27], LinearAttention.init(_:)),
  .init("MatMul", [1, 9, 13], MatMul.init),
  .init("RotaryEmbedding", [23], RotaryEmbedding.init),
]

private let convolutionOperators: [OperatorEntry] = [
  .init("CausalConvWithState", [27], CausalConvWithState.init(_:)),
  .init("Conv", [1, 11, 22], Conv.init),
  .init("ConvTranspose", [1, 11, 22], ConvTranspose.init),
  .init("DeformConv", [19, 22], DeformConv.init),
  .init("FusedConv", domain: "zoo", [1], Conv.init),
]

private let channelBlockOperators: [OperatorEntry] = [
  .init("BlockedAffine", domain: "zoo", [1], BlockedAffine.init),
  .init("BlockedAveragePool", domain: "zoo", [1]) { (node) throws(ModelError) in
    try BlockedPool(node, isMax: false)
  },
  .init("BlockedConcat", domain: "zoo", [1], BlockedConcat.init),
  .init("BlockedConv", domain: "zoo", [1], BlockedConv.init),
  .init("BlockedConvTranspose", domain: "zoo", [1], BlockedConvTranspose.init),
  .init("BlockedGlobalAveragePool", domain: "zoo", [1]) { (node) throws(ModelError) in
    try BlockedPool(global: node, isMax: false)
  },
  .init("BlockedGlobalMaxPool", domain: "zoo", [1]) { (node) throws(ModelError) in
    try BlockedPool(global: node, isMax: true)
  },
  .init("BlockedMaxPool", domain: "zoo", [1]) { (node) throws(ModelError) in
    try BlockedPool(node, isMax: true)
  },
  .init("BlockedQuantizedAverage", domain: "zoo", [1], BlockedQuantizedAverage.init),
  .init("BlockedQuantizedConv", domain: "zoo", [1], BlockedQuantizedConv.init),
  .init("BlockedQuantizedJoin", domain: "zoo", [1], BlockedQuantizedJoin.init),
  .init("BlockedQuantizeLinear", domain: "zoo", [1], BlockedQuantizeLinear.init),
  .init("BlockedResize", domain: "zoo", [1], BlockedResize.init),
  .init("BlockedSelect", domain: "zoo", [1], BlockedSelect.init),
  .init("CodesFromChannelBlocks", domain: "zoo", [1], CodesFromChannelBlocks.init),
  .init("CodesToChannelBlocks", domain: "zoo", [1], CodesToChannelBlocks.init),
  .init("FromChannelBlocks", domain: "zoo", [1], FromChannelBlocks.init),
  .init("ToChannelBlocks", domain: "zoo", [1], ToChannelBlocks.init),
]

private let quantizedOperators: [OperatorEntry] = [
  .init("BlockQuantizedMatMul", domain: "zoo", [1], BlockQuantizedMatMul.init),
  .init("ConvInteger", [10], ConvInteger.init),
  .init("DynamicQuantizeLinear", [11], DynamicQuantizeLinear.init),
  .init("DynamicQuantizeRows", domain: "zoo", [1], DynamicQuantizeRows.init),
  .init("DynamicQuantizedMatMul", domain: "zoo", [1], DynamicQuantizedMatMul.init),
  .init("MatMulInteger", [10], MatMulInteger.init),
  .init("QLinearConv", [10], QLinearConv.init),
  .init("QLinearMatMul", [10, 21], QLinearMatMul.init),
  .init("QuantizedConv", domain: "zoo", [1], QuantizedConv.init),
  .init("QuantizedJoin", domain: "zoo", [1], QuantizedJoin.init),
  .init("QuantizedMatMul", domain: "zoo", [1], QuantizedMatMul.init),
  .init("QuantizedPool", domain: "zoo", [1], QuantizedPool.init),
  .init("TableLookup", domain: "zoo", [1], TableLookup.init),
]

private let classicalOperators: [OperatorEntry] = [
  .init("ArrayFeatureExtractor", domain: "ai.onnx.ml", [1], ArrayFeatureExtractor.init),
  .init("Binarizer", domain: "ai.onnx.ml", [1], Binarizer.init),
  .init("CastMap", domain: "ai.onnx.ml", [1], CastMap.init),
  .init("CategoryMapper", domain: "ai.onnx.ml", [1], LabelEncoder.init(categoryMapper:)),
  .init("DictVectorizer", domain: "ai.onnx.ml", [1], DictVectorizer.init),
  .init("FeatureVectorizer", domain: "ai.onnx.ml", [1], FeatureVectorizer.init),
  .init("Imputer", domain: "ai.onnx.ml", [1], Imputer.init),
  .init("LabelEncoder", domain: "ai.onnx.ml", [1, 2, 4], LabelEncoder.init(_:)),
  .init("LinearClassifier", domain: "ai.onnx.ml", [1], LinearClassifier.init),
  .init("LinearRegressor", domain: "ai.onnx.ml", [1], LinearRegressor.init),
  .init("Normalizer", domain: "ai.onnx.ml", [1], Normalizer.init),
  .init("OneHotEncoder", domain: "ai.onnx.ml", [1], OneHotEncoder.init),
  .init("SVMClassifier", domain: "ai.onnx.ml", [1], SVMClassifier.init),
  .init("SVMRegressor", domain: "ai.onnx.ml", [1], SVMRegressor.init),
  .init("Scaler", domain: "ai.onnx.ml", [1], Scaler.init),
  .init("TreeEnsemble", domain: "ai.onnx.ml", [5], TreeEnsemble.init(_:)),
  .init("TreeEnsembleClassifier", domain: "ai.onnx.ml", [1, 3, 5], TreeEnsembleClassifier.init),
  .init("TreeEnsembleRegressor", domain: "ai.onnx.ml", [1, 3, 5], TreeEnsemble.init(regressor:)),
  .init("ZipMap", domain: "ai.onnx.ml", [1], ZipMap.init),
]

private let sequenceOperators: [OperatorEntry] = [
  .init("ConcatFromSequence", [11], ConcatFromSequence.init),
  .init("Optional", [15, 28], OptionalOf.init),
  .init("OptionalGetElement", [15, 18, 28], OptionalGetElement.init),
  .init("OptionalHasElement", [15, 18, 28], OptionalHasElement.init),
  .init("SequenceAt", [11], SequenceAt.init),
  .init("SequenceConstruct", [11], SequenceConstruct.init),
  .init("SequenceEmpty", [11], SequenceEmpty.init),
  .init("SequenceErase", [11], SequenceErase.init),
  .init("SequenceInsert", [11], SequenceInsert.init),
  .init("SequenceLength", [11], SequenceLength.init),
  .init("SequenceMap", [17], SequenceMap.init),
  .init("SplitToSequence", [11, 24], SplitToSequence.init),
]

private let recurrentOperators: [OperatorEntry] = [
  .init("GRU", [1, 3, 7, 14, 22], GRU.init),
  .init("LSTM", [1, 7, 14, 22], LSTM.init),
  .init("RNN", [1, 7, 14, 22], RNN.init),
]

private let signalOperators: [OperatorEntry] = [
  .init("DFT", [17, 20], DFT.init),
  .init("MelWeightMatrix", [17], MelWeightMatrix.init),
  .init("STFT", [17], STFT.init),
]

private let detectionOperators: [OperatorEntry] = [
  .init("MaxRoiPool", [1, 22], MaxRoiPool.init),
  .init("NonMaxSuppression", [10, 11], NonMaxSuppression.init),
  .init("RoiAlign", [10, 16, 22], RoiAlign.init),
]

private let lossOperators: [OperatorEntry] = [
  .init("NegativeLogLikelihoodLoss", [12, 13, 22], ClassLoss.init(negativeLogLikelihood:)),
  .init("SoftmaxCrossEntropyLoss", [12, 13], ClassLoss.init(softmaxCrossEntropy:)),
]

private let randomOperators: [OperatorEntry] = [
  .init("Bernoulli", [15, 22], Bernoulli.init),
  .init("Multinomial", [7, 22], Multinomial.init),
  .init("RandomNormal", [1, 22], RandomTensor.normal),
  .init("RandomNormalLike", [1, 22], RandomTensor.normalLike),
  .init("RandomUniform", [1, 22], RandomTensor.uniform),
  .init("RandomUniformLike", [1, 22], RandomTensor.uniformLike),
]

private let trainingOperators: [OperatorEntry] = [
  .init("Adagrad", domain: "ai.onnx.preview.training", [1], OptimizerStep.adagrad),
  .init("Adam", domain: "ai.onnx.preview.training", [1], OptimizerStep.adam),
  .init("Gradient", domain: "ai.onnx.preview.training", [1], Gradient.init),
  .init("Momentum", domain: "ai.onnx.preview.training", [1], OptimizerStep.momentum),
]

private let stringOperators: [OperatorEntry] = [
  .init("RegexFullMatch", [20], RegexFullMatch.init),
  .init("StringConcat", [20], StringConcat.init),
  .init("StringNormalizer", [10], StringNormalizer.init),
  .init("StringSplit", [20], StringSplit.init),
  .init("TfIdfVectorizer", [9], TfIdfVectorizer.init),
]
