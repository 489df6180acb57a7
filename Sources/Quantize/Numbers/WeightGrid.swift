/// How the elements of a weight are grouped: the elements of one group share a scale.
///
/// The weight is seen as `[outer, extent, inner]` around one axis. Either each index along that axis is a group (per
/// channel: `extent` groups), or each run of `blockSize` indices along it is one for every outer and inner index
/// (per block: `[outer, ⌈extent / blockSize⌉, inner]` groups), as `DequantizeLinear` numbers them.
struct WeightGrid: Hashable, Sendable {
  let shape: [Int]
  let axis: Int
  /// `nil`: one group per index along `axis`.
  let blockSize: Int?

  init(shape: [Int], axis: Int, blockSize: Int? = nil) {
    self.shape = shape
    self.axis = axis
    self.blockSize = blockSize
  }

  var outer: Int { shape[..<axis].reduce(1, *) }
  var extent: Int { shape[axis] }
  var inner: Int { shape[(axis + 1)...].reduce(1, *) }

  /// The shape of the scales.
  var groupShape: [Int] {
    guard let blockSize else { return [extent] }
    var shape = shape
    shape[axis] = (extent + blockSize - 1) / blockSize
    return shape
  }

  var groupCount: Int { groupShape.reduce(1, *) }

  /// Calls `body` for each run of elements of which either all are of one group (`step` 0) or each is of the group
  /// after its neighbour's (`step` 1).
  func forEachRun(_ body: (_ elements: Range<Int>, _ group: Int, _ step: Int) -> Void) {
    let (outer, extent, inner) = (outer, extent, inner)
    guard inner > 0 else { return }
    for o in 0..<outer {
      for c in 0..<extent {
        let start = (o * extent + c) * inner
        guard let blockSize else {
          body(start..<start + inner, c, 0)
          continue
        }
        let blocks = (extent + blockSize - 1) / blockSize
        body(start..<start + inner, (o * blocks + c / blockSize) * inner, 1)
      }
    }
  }
}
