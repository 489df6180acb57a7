import CKernels
import Synchronization

/// How much memory the tensors of this process may take together: weights that were decoded or packed, the working memory
/// of sessions, inputs and outputs. Mapped files do not count.
///
/// A few bytes of a model can ask for any amount (`Pad`, `Tile`, `Range`, …), and a system that promises more memory than
/// it has ends the process that then uses it. What would go beyond the limit is refused before anything is allocated.
public enum TensorMemory {
  private static let bound = Atomic<Int>(seven(eighthsOf: Int(zoo_memory_available())))
  private static let taken = Atomic<Int>(0)

  private static func seven(eighthsOf bytes: Int) -> Int { bytes / 8 * 7 }

  /// The most bytes; at first seven eighths of what the machine had left, or of the container's limit if that is less,
  /// when this was first asked for.
  public static var limit: Int {
    get { bound.load(ordering: .relaxed) }
    set { bound.store(newValue, ordering: .relaxed) }
  }

  /// The bytes that are taken now.
  public static var used: Int { taken.load(ordering: .relaxed) }

  /// - Returns: The bytes of a tensor of that type and shape.
  /// - Throws: `.limitExceeded` if it would not fit, or its bytes cannot be counted.
  @discardableResult
  package static func require(_ element: ElementType, shape: [Int]) throws(ModelError) -> Int {
    let bytes = try Tensor.byteCount(element, shape: shape)
    try require(bytes, for: TensorType(element, shape))
    return bytes
  }

  /// - Throws: `.limitExceeded` if `bytes` more would be too many.
  package static func require(_ bytes: Int, for type: TensorType? = nil) throws(ModelError) {
    let (total, overflows) = used.addingReportingOverflow(bytes)
    if !overflows, total <= limit { return }
    throw ModelError(
      .limitExceeded, "\(type.map { "a tensor \($0) of " } ?? "")\(bytes) bytes beside \(used)",
      expected: "at most \(limit) for all tensors of this process",
      remedy: "set TensorMemory.limit if there is more memory")
  }

  static func take(_ bytes: Int) throws(ModelError) {
    try require(bytes)
    taken.add(bytes, ordering: .relaxed)
  }

  static func give(_ bytes: Int) { taken.subtract(bytes, ordering: .relaxed) }
}
