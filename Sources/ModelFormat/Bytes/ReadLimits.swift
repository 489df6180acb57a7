/// What a reader may spend on a file, whatever the file declares. ``TensorMemory`` limits what the model takes when it is
/// prepared and run.
public struct ReadLimits: Sendable {
  /// Bytes that decoded weights, assets and recorded cases may take together.
  public var decodedBytes: Int = 16 << 30
  /// Bytes of one decoded tensor.
  public var tensorBytes: Int = 8 << 30
  /// Bytes of the graph and index, decoded.
  public var graphBytes: Int = 1 << 30
  /// Rows of any one table: nodes, values, weights, attributes.
  public var rows: Int = 16_000_000
  /// Bytes of a file that comes through a pipe, which is kept in memory as a whole; 0 refuses pipes, whose writer could keep
  /// the reader waiting for ever. It holds for the file that is asked for, not for those that it names.
  public var pipeBytes: Int = 0
  /// How deep messages, types, graphs and recorded values may nest.
  public var depth: Int = 64

  public init() {}
  public static let `default` = ReadLimits()
}
