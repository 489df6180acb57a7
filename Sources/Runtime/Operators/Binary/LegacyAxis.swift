/// Where the second operand's first axis lies in the first operand: how operands of different ranks were aligned
/// before opset 7 (attributes `axis` and `broadcast`).
struct LegacyAxis: Sendable {
  private let axis: Int?

  static let none = LegacyAxis(axis: nil)

  private init(axis: Int?) { self.axis = axis }

  /// - Parameter standard: the axis of an operator that had no attribute for it.
  init(_ node: NodeReader, default standard: Int? = nil) throws(ModelError) {
    guard node.opset < 7 else {
      axis = nil
      return
    }
    axis = node.has("axis") ? try node.int("axis") : standard
  }

  var isNone: Bool { axis == nil }

  /// The second operand's shape with as many extents of 1 at its end as make it fit below the first's.
  func align(_ shape: Shape?, below first: Shape?) -> Shape? {
    guard let axis, let shape, let first else { return shape }
    let start = min(max(axis < 0 ? axis &+ first.rank : axis, 0), first.rank)
    let missing = max(0, first.rank - start - shape.rank)
    return Shape(shape.dimensions + Array(repeating: .fixed(1), count: missing))
  }

  func align(_ extents: [Int], below first: [Int]) -> [Int] {
    align(Shape(extents), below: Shape(first))?.extents ?? extents
  }
}
