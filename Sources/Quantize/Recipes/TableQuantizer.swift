import ZooRuntime

/// Turns tables that `Gather` reads row by row into `int8` with a scale for each row:
///
///     y = Cast(Gather(integers, indices)) · Gather(scales, indices)
///
/// so that only the rows that are read are turned back.
struct TableQuantizer {
  private struct Table {
    let weight: QuantizedWeight
    let integers: ValueID
    /// One for each row, of the table's rank.
    let scales: ValueID
  }

  private var tables: [ValueID: Table] = [:]

  mutating func rewrite(
    _ layer: WeightedLayer, _ values: [Float], _ writer: inout NodeWriter,
    _ report: inout CompressionReport
  ) throws(ModelError) {
    let table = try table(layer, values, &writer)
    report.add(layer, method: "int8 per row", table.weight)
    let index = layer.index
    var node = layer.node
    let integers = writer.add(
      "Gather", [table.integers, node.inputs[1]], named: "\(layer.name)/int8", before: index,
      attributes: node.attributes)
    let scales = writer.add(
      "Gather", [table.scales, node.inputs[1]], named: "\(layer.name)/scale", before: index,
      attributes: node.attributes)
    let real = writer.cast(integers, to: .f32, "\(layer.name)/real", before: index)
    node.opType = "Mul"
    node.inputs = [real, scales]
    node.attributes = []
    let type = layer.weight.elementType
    if type != .f32 {
      let product = writer.add("Mul", [real, scales], named: "\(layer.name)/scaled", before: index)
      node.opType = "Cast"
      node.inputs = [product]
      node.attributes = [Attribute("to", .int(Int64(type.rawValue)))]
    }
    writer.replace(index, with: node)
  }

  private mutating func table(
    _ layer: WeightedLayer, _ values: [Float], _ writer: inout NodeWriter
  ) throws(ModelError) -> Table {
    if let known = tables[layer.value] { return known }
    let shape = layer.weight.shape
    let weight = WeightQuantizer(.int8).quantize(values, WeightGrid(shape: shape, axis: 0))
    let scaleShape = [shape[0]] + [Int](repeating: 1, count: shape.count - 1)
    let scales = try weight.scaleTensor().reshaped(to: scaleShape)
    let table = Table(
      weight: weight, integers: writer.weight("\(layer.weightName)/int8", try weight.tensor()),
      scales: writer.weight("\(layer.weightName)/scale", scales))
    tables[layer.value] = table
    return table
  }
}
