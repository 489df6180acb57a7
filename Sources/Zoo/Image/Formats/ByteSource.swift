/// Bytes that a C library reads through callbacks, as if from a file.
final class ByteSource {
  private let bytes: UnsafeRawBufferPointer
  private(set) var position = 0

  /// - Parameter bytes: Must outlive the source.
  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  var count: Int { bytes.count }

  /// The source that a callback was given.
  static func at(_ handle: UnsafeMutableRawPointer) -> ByteSource {
    Unmanaged<ByteSource>.fromOpaque(handle).takeUnretainedValue()
  }

  /// Copies at most `wanted` bytes.
  ///
  /// - Returns: How many there were.
  func read(into buffer: UnsafeMutableRawPointer, _ wanted: Int) -> Int {
    let size = max(0, min(wanted, bytes.count - position))
    guard size > 0, let base = bytes.baseAddress else { return 0 }
    buffer.copyMemory(from: base + position, byteCount: size)
    position += size
    return size
  }

  /// Goes to an offset from the beginning.
  ///
  /// - Returns: Whether it lies within the bytes or at their end.
  func seek(to offset: Int) -> Bool {
    guard (0...bytes.count).contains(offset) else { return false }
    position = offset
    return true
  }

  /// Like `lseek`: `origin` is 0, the beginning, 1, here, or 2, the end. Offsets are two's complement.
  ///
  /// - Returns: The new position, all ones if that lies outside.
  func seek(_ offset: UInt64, _ origin: Int32) -> UInt64 {
    let base = origin == 1 ? position : origin == 2 ? bytes.count : 0
    let (target, overflow) = base.addingReportingOverflow(Int(Int64(bitPattern: offset)))
    return !overflow && seek(to: target) ? UInt64(position) : UInt64.max
  }
}
