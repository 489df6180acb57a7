/// `NonMaxSuppression`: of boxes that overlap, those with the highest scores.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `boxes` | `[batch, n, 4]` | `f32` |
/// | input  | `scores` | `[batch, classes, n]` | `f32` |
/// | input  | `max_output_boxes_per_class`, optional | one element | `i64`, default 0: none |
/// | input  | `iou_threshold`, optional | one element | `f32`, default 0: a box goes if it overlaps a kept one by more |
/// | input  | `score_threshold`, optional | one element | `f32`: a box counts only with a higher score |
/// | output | `selected_indices` | `[m, 3]`: batch, class, box | `i64` |
/// | attr   | `center_point_box` | | 0 (default): two corners y, x, y, x in any order; 1: centre x, y, width, height |
///
/// Source: ONNX `NonMaxSuppression`, opsets 10 and 11.
struct NonMaxSuppression: ValueOperator {
  private let isCentred: Bool

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 2...5)
    isCentred = try node.bool("center_point_box", default: false)
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let boxes = try inputs.tensor(0, of: [.f32]).shape
    let scores = try inputs.tensor(1, of: [.f32]).shape
    if let boxes, let scores {
      guard boxes.rank == 3, scores.rank == 3, boxes[2].canBe(4), boxes[0].canBe(scores[0]),
        boxes[1].canBe(scores[2])
      else {
        throw ModelError(
          .shapeMismatch, "boxes \(boxes) and scores \(scores)",
          expected: "[batch, n, 4] and [batch, classes, n]")
      }
    }
    return [.tensor(.i64, [.unknown, 3])]
  }

  /// A box by its corners.
  private struct Box {
    var y0, x0, y1, x1: Float

    var area: Float { (y1 - y0) * (x1 - x0) }

    func overlaps(_ other: Box, beyond limit: Float) -> Bool {
      let height = min(y1, other.y1) - max(y0, other.y0)
      let width = min(x1, other.x1) - max(x0, other.x0)
      guard height > 0, width > 0 else { return false }
      let common = height * width
      let union = area + other.area - common
      return union > 0 && common / union > limit
    }
  }

  private func box(_ values: ArraySlice<Float>) -> Box {
    let v = Array(values)
    if isCentred {
      return Box(
        y0: v[1] - v[3] / 2, x0: v[0] - v[2] / 2, y1: v[1] + v[3] / 2, x1: v[0] + v[2] / 2)
    }
    return Box(
      y0: min(v[0], v[2]), x0: min(v[1], v[3]), y1: max(v[0], v[2]), x1: max(v[1], v[3]))
  }

  func evaluate(_ call: ValueCall) throws(ModelError) -> [Value] {
    let (boxTensor, scoreTensor) = (try call.tensor(0), try call.tensor(1))
    let (batches, count, classes) = (
      boxTensor.shape[0], boxTensor.shape[1], scoreTensor.shape[1]
    )
    let coordinates = try boxTensor.array(of: Float.self)
    let scores = try scoreTensor.array(of: Float.self)
    let most = try call.optionalTensor(2)?.integers?.first ?? 0
    let overlap = try call.optionalTensor(3)?.array(of: Float.self).first ?? 0
    let least = try call.optionalTensor(4)?.array(of: Float.self).first
    var selected: [Int] = []
    for batch in 0..<batches {
      let boxes = (0..<count).map { index in
        let start = (batch * count + index) * 4
        return box(coordinates[start..<start + 4])
      }
      for category in 0..<classes {
        let first = (batch * classes + category) * count
        let candidates = (0..<count).filter { index in
          least.map { scores[first + index] > $0 } ?? true
        }.sorted { (scores[first + $1], $0) < (scores[first + $0], $1) }
        var kept: [Int] = []
        for index in candidates where kept.count < most {
          if kept.contains(where: { boxes[$0].overlaps(boxes[index], beyond: overlap) }) {
            continue
          }
          kept.append(index)
        }
        for index in kept { selected += [batch, category, index] }
      }
    }
    return [.tensor(try Tensor(selected, shape: [selected.count / 3, 3]))]
  }
}
