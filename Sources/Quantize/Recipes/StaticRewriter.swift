import ZooRuntime

/// Rewrites the layers of the main graph into QDQ form.
struct StaticRewriter {
  /// How an activation is rounded.
  struct Range: Hashable {
    let scale: Float
    let zeroPoint: Int
  }

  var writer: NodeWriter
  private let quantizer: WeightQuantizer
  /// Inputs as they are after rounding; layers with the same input share them.
  private var inputs: [ValueID: ValueID] = [:]
  private var weights: [WeightKey: Dequantized] = [:]

  private struct WeightKey: Hashable {
    let value: ValueID
    let axis: Int
  }

  private struct Dequantized {
    let weight: QuantizedWeight
    let value: ValueID
  }

  init(_ writer: NodeWriter, _ quantizer: WeightQuantizer) {
    self.writer = writer
    self.quantizer = quantizer
  }

  mutating func rewrite(
    _ layer: WeightedLayer, _ values: [Float], input range: Range,
    _ report: inout CompressionReport
  ) throws(ModelError) {
    guard let input = layer.node.inputs[0] else { return }
    let weight = try dequantized(layer, values)
    report.add(layer, method: "int8 per channel, u8 input", weight.weight)
    var node = layer.node
    node.inputs[0] = try rounded(input, range, before: layer.index)
    node.inputs[1] = weight.value
    if let bias = try bias(layer, range, weight.weight) { node.inputs[2] = bias }
    writer.replace(layer.index, with: node)
  }

  /// The values that some layer reads rounded.
  var roundedValues: Set<ValueID> { Set(inputs.keys) }

  /// Lets a node read some inputs rounded: each by its range, or as layers read it already.
  mutating func round(
    _ positions: [Int], of index: Int, _ ranges: [Range]
  ) throws(ModelError) {
    guard var node = writer.editor.nodes[index] else { return }
    for (number, position) in positions.enumerated() {
      guard let value = node.inputs[position] else { continue }
      if number < ranges.count {
        node.inputs[position] = try rounded(value, ranges[number], before: index)
      } else {
        node.inputs[position] = inputs[value] ?? value
      }
    }
    writer.replace(index, with: node)
  }

  private mutating func rounded(
    _ input: ValueID, _ range: Range, before index: Int
  ) throws(ModelError) -> ValueID {
    if let known = inputs[input] { return known }
    // Whoever reads the value may read it rounded later.
    let index = min(index, writer.editor.consumers(of: input).first ?? index)
    let name = writer.editor.name(of: input)
    let scale = writer.weight("\(name)/scale", try Tensor(scalar: range.scale))
    let zeroPoint = writer.weight(
      "\(name)/zero_point", try Tensor(scalar: UInt8(range.zeroPoint)))
    let integers = writer.add(
      "QuantizeLinear", [input, scale, zeroPoint], named: "\(name)/quantized", before: index)
    let result = writer.add(
      "DequantizeLinear", [integers, scale, zeroPoint], named: "\(name)/rounded", before: index)
    inputs[input] = result
    return result
  }

  private mutating func dequantized(
    _ layer: WeightedLayer, _ values: [Float]
  ) throws(ModelError) -> Dequantized {
    let key = WeightKey(value: layer.value, axis: layer.channelAxis)
    if let known = weights[key] { return known }
    let grid = WeightGrid(shape: layer.weight.shape, axis: layer.channelAxis)
    let weight = quantizer.quantize(values, grid)
    let value = writer.add(
      "DequantizeLinear",
      [
        writer.weight("\(layer.weightName)/int8", try weight.tensor()),
        writer.weight("\(layer.weightName)/scale", try weight.scaleTensor()),
      ],
      named: "\(layer.weightName)/dequantized", before: layer.index,
      attributes: [Attribute("axis", .int(Int64(layer.channelAxis)))])
    let result = Dequantized(weight: weight, value: value)
    weights[key] = result
    return result
  }

  /// The constant bias in steps of s · sw, in which integer kernels add up; `nil` if there is none, if it is no list
  /// of one number per channel, or if such steps cannot reach it.
  private mutating func bias(
    _ layer: WeightedLayer, _ range: Range, _ weight: QuantizedWeight
  ) throws(ModelError) -> ValueID? {
    let node = layer.node
    guard node.inputs.count > 2, let value = node.inputs[2],
      let bias = writer.editor.weight(value), bias.shape == [weight.scales.count],
      node.float("alpha", default: 1) == 1, node.float("beta", default: 1) == 1,
      let numbers = try bias.tensor().floats()
    else { return nil }
    let scales = weight.scales.map { $0 * range.scale }
    var integers: [Int32] = []
    for (number, scale) in zip(numbers, scales) {
      let steps = (number / scale).rounded(.toNearestOrEven)
      guard steps.magnitude < Float(1 << 30) else { return nil }
      integers.append(Int32(steps))
    }
    let name = writer.editor.name(of: value)
    return writer.add(
      "DequantizeLinear",
      [
        writer.weight("\(name)/int32", try Tensor(integers, shape: bias.shape)),
        writer.weight("\(name)/scale", try Tensor(scales, shape: bias.shape)),
      ],
      named: "\(name)/dequantized", before: layer.index, attributes: [Attribute("axis", .int(0))])
  }
}
