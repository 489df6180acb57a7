// The operators that runtimes contributed to the domain com.microsoft, and those of the first opsets that the standard
// dropped; `builtinOperators` takes them in.

import CKernels

let contributedOperators: [OperatorEntry] = [
  contributedAttention,
  contributedQuantization,
  contributedProducts,
  contributedActivations,
  contributedShapes,
  contributedStreams,
  contributedSearches,
  blockedImages,
  earlyOperators,
].flatMap { $0 }

private func entry(
  _ name: String, _ make: @escaping @Sendable (NodeReader) throws(ModelError) -> any Operator
) -> OperatorEntry {
  .init(name, domain: "com.microsoft", [1], make)
}

private let contributedAttention: [OperatorEntry] = [
  entry("Attention", ContributedAttention.init),
  entry("DecoderMaskedMultiHeadAttention", DecoderMaskedAttention.init),
  entry("GroupQueryAttention", GroupQueryAttention.init(_:)),
  entry("LinearAttention", LinearAttention.init(contributed:)),
  entry("LinearAttentionGate", LinearAttentionGate.init),
  entry("MRotaryEmbedding", MultimodalRotaryEmbedding.init),
  entry("MultiHeadAttention", MultiHeadAttention.init),
  entry("QAttention", QAttention.init),
  entry("RotaryEmbedding", ContributedRotaryEmbedding.init),
  entry("SparseAttention", SparseAttention.init),
]

private let contributedQuantization: [OperatorEntry] = [
  entry("ConvInteger", ConvInteger.init),
  entry("DequantizeLinear", DequantizeLinear.init),
  entry("DynamicQuantizeLSTM", DynamicQuantizeLSTM.init),
  entry("DynamicQuantizeMatMul", DynamicQuantizeMatMul.init),
  entry("GatherBlockQuantized", GatherBlockQuantized.init),
  entry("MatMulBnb4", MatMulBnb4.init),
  entry("MatMulFpQ4", MatMulFpQ4.init),
  entry("MatMulInteger16", MatMulInteger16.init),
  entry("MatMulIntegerToFloat", MatMulIntegerToFloat.init),
  entry("MatMulNBits", MatMulNBits.init),
  entry("QEmbedLayerNormalization", EmbedLayerNormalization.init(quantized:)),
  entry("QGemm", QGemm.init),
  entry("QLinearAdd") { (node) throws(ModelError) in try QLinearBinary(node, .add) },
  entry("QLinearAveragePool", QLinearPool.init(average:)),
  entry("NhwcMaxPool", ChannelsLast.init(maxPool:)),
  entry("QLinearConcat", QLinearConcat.init),
  entry("QLinearConv", ChannelsLast.init(conv:)),
  entry("QLinearGlobalAveragePool", QLinearPool.init(global:)),
  entry("QLinearLeakyRelu", QLinearUnary.init(leakyRelu:)),
  entry("QLinearMul") { (node) throws(ModelError) in try QLinearBinary(node, .multiply) },
  entry("QLinearReduceMean", QLinearPool.init(mean:)),
  entry("QLinearSigmoid", QLinearUnary.init(sigmoid:)),
  entry("QLinearSoftmax", QLinearSoftmax.init),
  entry("QLinearWhere", QLinearWhere.init),
  entry("QuantizeLinear", QuantizeLinear.init),
]

private let contributedProducts: [OperatorEntry] = [
  entry("ConvTransposeWithDynamicPads", ConvTransposeWithDynamicPads.init),
  entry("FusedConv", ActivatedProduct.init(conv:)),
  entry("FusedGemm", ActivatedProduct.init(gemm:)),
  entry("FusedMatMul", ContributedMatMul.init),
  entry("MoE") { (node) throws(ModelError) in
    try MixtureOfExperts(node, isQuantized: false)
  },
  entry("QMoE") { (node) throws(ModelError) in
    try MixtureOfExperts(node, isQuantized: true)
  },
  entry("TransposeMatMul", ContributedMatMul.init),
]

private let contributedActivations: [OperatorEntry] = [
  entry("BiasGelu", ContributedActivation.init(biased:)),
  entry("BiasSplitGelu", ContributedActivation.init(split:)),
  entry("EmbedLayerNormalization", EmbedLayerNormalization.init(_:)),
  entry("FastGelu", ContributedActivation.init(fast:)),
  entry("QuickGelu", ContributedActivation.init(quick:)),
  entry("ScaledSiLU", ContributedActivation.init(scaled:)),
]

private let contributedShapes: [OperatorEntry] = [
  entry("BifurcationDetector", BifurcationDetector.init),
  entry("CDist", CDist.init),
  entry("CropAndResize", CropAndResize.init),
  entry("DynamicTimeWarping", DynamicTimeWarping.init),
  entry("ExpandDims", ExpandDims.init),
  entry("GatherND", ContributedGatherND.init),
  entry("GridSample", GridSample.init),
  entry("Inverse", Inverse.init),
  entry("MaxpoolWithMask", MaxpoolWithMask.init),
  entry("MurmurHash3", MurmurHash3.init),
  entry("NGramRepeatBlock", NGramRepeatBlock.init),
  entry("Pad", ContributedShaping.init(pad:)),
  entry("Range", ContributedShaping.init(range:)),
  entry("SampleOp", Identity.init),
  entry("Tokenizer", Tokenizer.init),
  entry("Trilu", Trilu.init),
  entry("UnfoldTensor", UnfoldTensor.init),
  entry("Unique", ContributedUnique.init),
  entry("WordConvEmbedding", WordConvEmbedding.init),
]

private let contributedStreams: [OperatorEntry] = [
  entry("BranchwiseRMSNorm", GatedNormalization.init(branches:)),
  entry("CausalConvWithState", ContributedCausalConv.init),
  entry("EngramGate", EngramGate.init),
  entry("GatedAdd", GatedAdd.init),
  entry("GatedRMSNorm", GatedNormalization.init(gated:)),
  entry("HyperConnectionPostMix", HyperConnection.init(after:)),
  entry("HyperConnectionPreMix", HyperConnection.init(before:)),
  entry("NGramHashMapping", NGramHashMapping.init),
]

private let contributedSearches: [OperatorEntry] = [
  entry("BeamSearch", BeamSearch.init),
  entry("GreedySearch", GreedySearch.init(greedy:)),
  entry("Sampling", GreedySearch.init(sampling:)),
]

private let blockedImages: [OperatorEntry] = [
  .init("AveragePool", domain: NchwcOperator.domain, [1], NchwcOperator.init(pool:)),
  .init("Conv", domain: NchwcOperator.domain, [1], NchwcOperator.init(conv:)),
  .init("GlobalAveragePool", domain: NchwcOperator.domain, [1], NchwcOperator.init(pool:)),
  .init("GlobalMaxPool", domain: NchwcOperator.domain, [1], NchwcOperator.init(pool:)),
  .init("MaxPool", domain: NchwcOperator.domain, [1], NchwcOperator.init(pool:)),
  .init("ReorderInput", domain: NchwcOperator.domain, [1], NchwcOperator.init(reorderInput:)),
  .init("ReorderOutput", domain: NchwcOperator.domain, [1], NchwcOperator.init(reorderOutput:)),
  .init("Upsample", domain: NchwcOperator.domain, [1], NchwcOperator.init(upsample:)),
]

private let earlyOperators: [OperatorEntry] = [
  .init("Affine", [1]) { (node) throws(ModelError) in try EarlyOperator(node, .affine) },
  .init("Crop", [1]) { (node) throws(ModelError) in try EarlyOperator(node, .crop) },
  .init("DynamicSlice", [1]) { (node) throws(ModelError) in try EarlyOperator(node, .slice) },
  .init("ImageScaler", [1]) { (node) throws(ModelError) in
    try EarlyOperator(node, .imageScaler)
  },
  // Marks of a runtime with several devices, which a model that it saves may keep.
  .init("MemcpyFromHost", [1], Identity.init),
  .init("MemcpyToHost", [1], Identity.init),
  .init("ParametricSoftplus", [1]) { (node) throws(ModelError) in
    try EarlyOperator(node, .softplus)
  },
  .init("Scale", [1]) { (node) throws(ModelError) in try EarlyOperator(node, .scale) },
  .init("ScaledTanh", [1]) { (node) throws(ModelError) in try EarlyOperator(node, .scaledTanh) },
]
