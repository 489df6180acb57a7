/// ``Attention`` of operands of several types: in the widest of them, `f32` at least.
struct MixedAttention: ComposedOperator {
  let attention: Attention

  static func isNeeded(_ io: NodeIO) throws(ModelError) -> Bool {
    let element = try io.input(0).element
    let mask = io.has(3) ? try io.input(3).element : .bool
    return try io.input(2).element != element || ![.bool, element].contains(mask)
  }

  func compose(_ parts: inout Composition) throws(ModelError) -> [Composition.Value?] {
    let (q, k, v) = (try parts.input(0), try parts.input(1), try parts.input(2))
    let wide: ElementType = [q, k, v].contains { $0.element == .f64 } ? .f64 : .f32
    var operands: [Composition.Value?] = []
    for index in 0..<7 {
      guard let value = parts.optional(index) else {
        operands.append(nil)
        continue
      }
      let isKept = index == 6 || value.element == .bool
      operands.append(isKept ? value : try parts.cast(value, wide))
    }
    let wants = (0..<4).map { parts.wants($0) }
    let results = try parts.apply(attention, operands, wants: wants)
    let types = [q.element, k.element, v.element, q.element]
    var outputs: [Composition.Value?] = []
    for (index, result) in results.enumerated() {
      outputs.append(wants[index] ? try parts.cast(result, types[index]) : nil)
    }
    return outputs
  }
}
