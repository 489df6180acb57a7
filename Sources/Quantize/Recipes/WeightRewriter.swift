import ZooRuntime

/// Rewrites the weights of one graph.
struct WeightRewriter {
  var writer: NodeWriter
  private let range: IntegerRange
  private let blockSize: Int?
  private var tables = TableQuantizer()
  private var weights: [Key: Dequantized] = [:]

  private struct Key: Hashable {
    let value: ValueID
    let grid: WeightGrid
  }

  private struct Dequantized {
    let weight: QuantizedWeight
    let value: ValueID
  }

  init(_ writer: NodeWriter, _ range: IntegerRange, blockSize: Int?) {
    self.writer = writer
    self.range = range
    self.blockSize = blockSize
  }

  mutating func rewrite(
    _ layer: WeightedLayer, _ values: [Float], _ report: inout CompressionReport
  ) throws(ModelError) {
    if layer.node.opType == "Gather", range.bits == 8 {
      try tables.rewrite(layer, values, &writer, &report)
      return
    }
    let result = try dequantized(layer, values)
    let method = blockSize.map { "\(range) blocks of \($0)" } ?? "\(range) per channel"
    report.add(layer, method: method, result.weight)
    // A node may have several weights, and each of them may have been replaced already.
    guard var node = writer.editor.nodes[layer.index] else { return }
    node.inputs[layer.input] = result.value
    writer.replace(layer.index, with: node)
  }

  private mutating func dequantized(
    _ layer: WeightedLayer, _ values: [Float]
  ) throws(ModelError) -> Dequantized {
    let axis = blockSize == nil ? layer.channelAxis : layer.reductionAxis
    let grid = WeightGrid(shape: layer.weight.shape, axis: axis, blockSize: blockSize)
    let key = Key(value: layer.value, grid: grid)
    if let known = weights[key] { return known }
    let weight = WeightQuantizer(range).quantize(values, grid)
    var inputs: [ValueID?] = [
      writer.weight("\(layer.weightName)/\(range)", try weight.tensor()),
      writer.weight("\(layer.weightName)/scale", try weight.scaleTensor()),
    ]
    if let zeroPoint = try weight.zeroPointTensor() {
      inputs.append(writer.weight("\(layer.weightName)/zero_point", zeroPoint))
    }
    var attributes = [Attribute("axis", .int(Int64(axis)))]
    if let blockSize { attributes.append(Attribute("block_size", .int(Int64(blockSize)))) }
    let real = writer.add(
      "DequantizeLinear", inputs, named: "\(layer.weightName)/dequantized", before: layer.index,
      attributes: attributes)
    let type = layer.weight.elementType
    let value =
      type == .f32
      ? real : writer.cast(real, to: type, "\(layer.weightName)/cast", before: layer.index)
    let result = Dequantized(weight: weight, value: value)
    weights[key] = result
    return result
  }
}
