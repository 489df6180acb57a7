import ZooRuntime

/// Rewrites the layers of one graph.
struct DynamicRewriter {
  var writer: NodeWriter
  private let quantizer: WeightQuantizer
  /// What a layer's input has become; layers with the same input share it.
  private var rows: [ValueID: QuantizedRows] = [:]
  private var matrices: [MatrixUse: QuantizedMatrix] = [:]
  private var tables = TableQuantizer()
  private var onesByCount: [Int: ValueID] = [:]

  private struct QuantizedRows {
    let integers: ValueID
    let scale: ValueID
    let zeroPoint: ValueID
  }

  /// A weight, and which of its axes is that of the outputs: layers may read one weight both ways.
  private struct MatrixUse: Hashable {
    let weight: ValueID
    let channelAxis: Int
  }

  private struct QuantizedMatrix {
    let weight: QuantizedWeight
    let integers: ValueID
    let scales: ValueID
    let columnSums: ValueID
  }

  init(_ writer: NodeWriter, _ quantizer: WeightQuantizer) {
    self.writer = writer
    self.quantizer = quantizer
  }

  mutating func rewrite(
    _ layer: WeightedLayer, _ values: [Float], _ report: inout CompressionReport
  ) throws(ModelError) {
    if layer.node.opType == "Gather" {
      try tables.rewrite(layer, values, &writer, &report)
      return
    }
    guard let input = layer.node.inputs[0] else { return }
    let matrix = try matrix(layer, values)
    report.add(layer, method: "int8 per channel, u8 rows", matrix.weight)
    let rows = try rows(input, before: layer.index)
    try multiply(layer, rows, matrix)
  }

  private mutating func matrix(
    _ layer: WeightedLayer, _ values: [Float]
  ) throws(ModelError) -> QuantizedMatrix {
    let use = MatrixUse(weight: layer.value, channelAxis: layer.channelAxis)
    if let known = matrices[use] { return known }
    let shape = layer.weight.shape
    let isTransposed = layer.channelAxis == 0
    let (depth, width) = (shape[layer.reductionAxis], shape[layer.channelAxis])
    let columns = isTransposed ? Self.transposed(values, rows: width, columns: depth) : values
    let weight = quantizer.quantize(columns, WeightGrid(shape: [depth, width], axis: 1))
    let integers = writer.weight("\(layer.weightName)/int8", try weight.tensor())
    // Computed from the integers when a model is loaded, which saves storing it.
    let sums = writer.add(
      "MatMulInteger", [try ones(depth), integers], named: "\(layer.weightName)/sums",
      before: layer.index)
    let matrix = QuantizedMatrix(
      weight: weight, integers: integers,
      scales: writer.weight("\(layer.weightName)/scale", try weight.scaleTensor()),
      columnSums: sums)
    matrices[use] = matrix
    return matrix
  }

  private mutating func ones(_ count: Int) throws(ModelError) -> ValueID {
    if let known = onesByCount[count] { return known }
    let tensor = try Tensor([UInt8](repeating: 1, count: count), shape: [count])
    let value = writer.weight("quantize/ones_\(count)", tensor)
    onesByCount[count] = value
    return value
  }

  private static func transposed(_ values: [Float], rows: Int, columns: Int) -> [Float] {
    var result = [Float](repeating: 0, count: values.count)
    for row in 0..<rows {
      for column in 0..<columns { result[column * rows + row] = values[row * columns + column] }
    }
    return result
  }

  /// The nodes that quantize each row of `input`.
  private mutating func rows(
    _ input: ValueID, before index: Int
  ) throws(ModelError) -> QuantizedRows {
    if let known = rows[input] { return known }
    let base = "\(writer.editor.name(of: input))/rows"
    let zero = try writer.scalar(0)
    let most = try writer.scalar(255)
    let least = try writer.scalar(Float.leastNormalMagnitude)
    func name(_ part: String) -> String { "\(base)/\(part)" }
    let lowest = try reduce("ReduceMin", input, name("lowest"), index)
    let highest = try reduce("ReduceMax", input, name("highest"), index)
    let low = writer.add("Min", [lowest, zero], named: name("low"), before: index)
    let high = writer.add("Max", [highest, zero], named: name("high"), before: index)
    let range = writer.add("Sub", [high, low], named: name("range"), before: index)
    let step = writer.add("Div", [range, most], named: name("step"), before: index)
    // A row of zeros has no range; any scale is right for it.
    let scale = writer.add("Max", [step, least], named: name("scale"), before: index)
    let depth = writer.add("Neg", [low], named: name("depth"), before: index)
    let offset = writer.add("Div", [depth, scale], named: name("offset"), before: index)
    let zeroPoint = writer.add("Round", [offset], named: name("zero_point"), before: index)
    let ratio = writer.add("Div", [input, scale], named: name("ratio"), before: index)
    let steps = writer.add("Round", [ratio], named: name("steps"), before: index)
    let shifted = writer.add("Add", [steps, zeroPoint], named: name("shifted"), before: index)
    let clipped = writer.add(
      "Clip", [shifted, zero, most], named: name("clipped"), before: index)
    let result = QuantizedRows(
      integers: writer.cast(clipped, to: .u8, name("u8"), before: index), scale: scale,
      zeroPoint: writer.cast(zeroPoint, to: .i32, name("zero_point_i32"), before: index))
    rows[input] = result
    return result
  }

  private mutating func reduce(
    _ opType: String, _ input: ValueID, _ name: String, _ index: Int
  ) throws(ModelError) -> ValueID {
    let keep = Attribute("keepdims", .int(1))
    if writer.editor.opset("") < 18 {
      return writer.add(
        opType, [input], named: name, before: index,
        attributes: [Attribute("axes", .ints([-1])), keep])
    }
    let axes = try writer.list([-1])
    return writer.add(opType, [input, axes], named: name, before: index, attributes: [keep])
  }

  /// The product, exact in integers, then scaled.
  private mutating func multiply(
    _ layer: WeightedLayer, _ rows: QuantizedRows, _ matrix: QuantizedMatrix
  ) throws(ModelError) {
    let index = layer.index
    func name(_ part: String) -> String { "\(layer.name)/\(part)" }
    let product = writer.add(
      "MatMulInteger", [rows.integers, matrix.integers], named: name("product"), before: index)
    let shift = writer.add(
      "Mul", [rows.zeroPoint, matrix.columnSums], named: name("shift"), before: index)
    let sum = writer.add("Sub", [product, shift], named: name("sum"), before: index)
    let real = writer.cast(sum, to: .f32, name("real"), before: index)
    let scale = writer.add("Mul", [rows.scale, matrix.scales], named: name("scale"), before: index)
    var node = layer.node
    let addend = node.opType == "Gemm" ? try self.addend(layer) : nil
    let alpha = node.opType == "Gemm" ? node.float("alpha", default: 1) : 1
    node.attributes = []
    node.opType = "Mul"
    node.inputs = [real, scale]
    if alpha != 1 {
      let factor = try writer.scalar(alpha)
      node.inputs[1] = writer.add("Mul", [scale, factor], named: name("alpha"), before: index)
    }
    if let addend {
      let scaled = writer.add("Mul", node.inputs, named: name("scaled"), before: index)
      node.opType = "Add"
      node.inputs = [scaled, addend]
    }
    writer.replace(index, with: node)
  }

  /// What a `Gemm` adds: β · c.
  private mutating func addend(_ layer: WeightedLayer) throws(ModelError) -> ValueID? {
    guard layer.node.inputs.count > 2, let bias = layer.node.inputs[2] else { return nil }
    let beta = layer.node.float("beta", default: 1)
    if beta == 1 { return bias }
    let factor = try writer.scalar(beta)
    return writer.add(
      "Mul", [bias, factor], named: "\(layer.name)/beta", before: layer.index)
  }
}
