/// A tensor seen along one axis: `[outer, axis, inner]`.
struct AxisLayout: Sendable {
  let outer: Int
  let axis: Int
  let inner: Int

  init(_ shape: [Int], along axis: Int) {
    outer = shape[..<axis].reduce(1, *)
    self.axis = shape[axis]
    inner = shape[(axis + 1)...].reduce(1, *)
  }

  /// All axes from `axis` on as one.
  init(_ shape: [Int], from axis: Int) {
    outer = shape[..<axis].reduce(1, *)
    self.axis = shape[axis...].reduce(1, *)
    inner = 1
  }

  var count: Int { outer * axis * inner }
}
