/// What the elements of a weight are like.
public struct WeightStatistics: Sendable, Encodable {
  public let name: String
  public let type: String
  public let encoding: String
  public let storedBytes: Int
  /// Of the elements that are numbers; `nil` for strings and where there are none.
  public let minimum: Double?
  public let maximum: Double?
  public let mean: Double?
  /// The share of elements that are zero, 0 ... 1.
  public let zeros: Double?

  /// The statistics of all weights of all graphs that can be reached, in the file's order.
  ///
  /// - Throws: What decoding a weight can throw.
  public static func all(_ model: Model) throws(ModelError) -> [WeightStatistics] {
    let model = try ConstantLifting.lift(model)
    var rows: [WeightStatistics] = []
    for graph in model.reachableGraphs {
      for (value, weight) in model[graph].weights.sorted(by: { $0.key < $1.key }) {
        rows.append(try WeightStatistics(model[value].name, weight))
      }
    }
    return rows
  }

  init(_ name: String, _ weight: Weight) throws(ModelError) {
    self.name = name
    type = weight.type.description
    encoding = weight.encoding
    storedBytes = weight.storedByteCount
    let values =
      weight.elementType == .string
      ? [] : try weight.tensor().doubles().filter { !$0.isNaN }
    minimum = values.min()
    maximum = values.max()
    let count = Double(values.count)
    mean = values.isEmpty ? nil : values.reduce(0, +) / count
    zeros = values.isEmpty ? nil : Double(values.count { $0 == 0 }) / count
  }
}
