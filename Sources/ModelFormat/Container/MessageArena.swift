import CSchemas

/// Memory for the messages, arrays and bytes of one protobuf-c tree while it is packed; all of it goes with the
/// arena. C structures own nothing, so somebody has to.
final class MessageArena {
  private var blocks: [UnsafeMutableRawPointer] = []

  deinit { for block in blocks { block.deallocate() } }

  /// A message that `initialize` (the generated `zoo__…__init`) has set up and `fill` has filled in.
  func message<T>(
    _ initialize: (UnsafeMutablePointer<T>?) -> Void, _ fill: (inout T) throws(ModelError) -> Void
  ) throws(ModelError) -> UnsafeMutablePointer<T>? {
    let message = UnsafeMutablePointer<T>.allocate(capacity: 1)
    blocks.append(UnsafeMutableRawPointer(message))
    initialize(message)
    try fill(&message.pointee)
    return message
  }

  /// A copy of `values`, as the two members of a repeated field.
  func array<T: BitwiseCopyable>(_ values: [T]) -> (Int, UnsafeMutablePointer<T>?) {
    guard !values.isEmpty else { return (0, nil) }
    let copy = UnsafeMutablePointer<T>.allocate(capacity: values.count)
    blocks.append(UnsafeMutableRawPointer(copy))
    copy.initialize(from: values, count: values.count)
    return (values.count, copy)
  }

  func bytes(_ bytes: [UInt8]) -> ProtobufCBinaryData {
    let (count, copy) = array(bytes)
    return ProtobufCBinaryData(len: count, data: copy)
  }
}
