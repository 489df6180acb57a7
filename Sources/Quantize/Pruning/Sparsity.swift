import ZooRuntime

/// Which elements of a weight become zero.
public enum SparsityPattern: Sendable, Hashable {
  /// Any.
  case unstructured
  /// Of each `group` neighbours along the axis of summation all but the `kept` largest: `2:4` keeps two of four.
  case nOfM(kept: Int, group: Int)

  /// - Parameter text: `unstructured`, or `kept:group` such as `2:4`.
  /// - Throws: `.invalidRequest` for any other text.
  public init(_ text: String) throws(ModelError) {
    if text == "unstructured" {
      self = .unstructured
      return
    }
    let parts = text.split(separator: ":", omittingEmptySubsequences: false).map { Int($0) }
    guard parts.count == 2, let kept = parts[0], let group = parts[1], kept > 0, kept < group,
      group <= 64
    else {
      throw ModelError(
        .invalidRequest, "pattern '\(text)'",
        expected: "'unstructured', or 'n:m' with 0 < n < m ≤ 64, such as '2:4'")
    }
    self = .nOfM(kept: kept, group: group)
  }
}

extension SparsityPattern: CustomStringConvertible {
  public var description: String {
    switch self {
    case .unstructured: "unstructured"
    case .nOfM(let kept, let group): "\(kept):\(group)"
    }
  }
}

/// Finds the magnitude below which a given number of elements lies, in two counting passes and without sorting.
struct MagnitudeThreshold {
  /// Elements whose magnitude has smaller bits are cut.
  let bits: UInt32
  /// So many of the elements with exactly these bits are cut, too, the first ones.
  let ties: Int

  /// The bits of |x|, which order as the magnitudes do.
  @inline(__always)
  static func magnitude(_ value: Float) -> UInt32 { value.bitPattern & 0x7FFF_FFFF }

  /// - Parameters:
  ///   - count: How many elements to cut, at most as many as there are.
  ///   - forEach: Calls back with all elements; it is called twice.
  init(
    cutting count: Int,
    forEach: ((UInt32) -> Void) throws(ModelError) -> Void
  ) throws(ModelError) {
    var coarse = [Int](repeating: 0, count: 1 << 16)
    try forEach { coarse[Int($0 >> 16)] += 1 }
    var left = count
    var upper = 0
    while upper < coarse.count - 1, left >= coarse[upper] {
      left -= coarse[upper]
      upper += 1
    }
    var fine = [Int](repeating: 0, count: 1 << 16)
    try forEach { if Int($0 >> 16) == upper { fine[Int($0 & 0xFFFF)] += 1 } }
    var lower = 0
    while lower < fine.count - 1, left >= fine[lower] {
      left -= fine[lower]
      lower += 1
    }
    bits = UInt32(upper) << 16 | UInt32(lower)
    ties = left
  }
}
