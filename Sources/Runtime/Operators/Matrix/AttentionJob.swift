import LibC

/// One attention for one set of extents; `q`, `k`, `v` are `[batch, heads, time, size]`.
struct AttentionJob: Sendable {
  let q: [Int]
  let k: [Int]
  let v: [Int]
  /// Keys that came before this call.
  let past: Int
  let isCausal: Bool
  let scale: Double
  let softcap: Double
  let mode: Int
  let window: (left: Int, right: Int)
  /// Of the operands: 3 or 4.
  let rank: Int
  let maskShape: [Int]?
  let maskIsBool: Bool
  let hasLengths: Bool
  let wanted: [Bool]

  var keys: Int { past + k[2] }
  private var grouped: Int { q[1] / max(1, k[1]) }

  func check(_ io: NodeIO) throws(ModelError) {
    let element = try io.input(0).element
    for index in [1, 2, 4, 5] where io.has(index) {
      guard try io.input(index).element == element else {
        throw ModelError(
          .elementTypeMismatch, "input \(index) of \(try io.input(index).element)",
          expected: "\(element)")
      }
    }
    if past > 0 || io.has(4) || io.has(5) {
      guard io.has(4), io.has(5), try io.input(4).shape == [k[0], k[1], past, k[3]],
        try io.input(5).shape == [v[0], v[1], past, v[3]], !hasLengths
      else {
        throw ModelError(
          .shapeMismatch, "past keys and values that do not fit the new ones",
          expected: "both, of shapes [batch, heads, past, size], without 'nonpad_kv_seqlen'")
      }
    }
    guard let maskShape else { return }
    let maskType = try io.input(3).element
    let target = [q[0], q[1], q[2], keys]
    let fits = maskShape.enumerated().allSatisfy { axis, extent in
      let place = 4 - maskShape.count + axis
      return place == 3 ? extent <= keys : extent == 1 || extent == target[max(0, place)]
    }
    guard maskShape.count <= 4, !maskShape.isEmpty, fits,
      maskIsBool || maskType == element
    else {
      throw ModelError(
        .shapeMismatch, "a mask \(maskShape)", expected: "one that broadcasts to \(target)")
    }
  }

  /// - Throws: `.outOfRange` if more keys count than there are, or fewer than none.
  func checkLengths(_ context: borrowing KernelContext) throws(ModelError) {
    guard hasLengths else { return }
    let lengths = context.input(6, as: Int.self)
    for batch in 0..<q[0] where !(0...keys).contains(lengths[batch]) {
      throw ModelError(
        .outOfRange, "'nonpad_kv_seqlen' [\(batch)] is \(lengths[batch])", expected: "0 ... \(keys)"
      )
    }
  }

  /// Where element (batch, head, time, 0) of an operand lies.
  private func start(_ e: [Int], _ b: Int, _ h: Int, _ t: Int) -> Int {
    rank == 4 ? ((b * e[1] + h) * e[2] + t) * e[3] : ((b * e[2] + t) * e[1] + h) * e[3]
  }

  func kernel<T: TensorElement>(
    _ wide: @escaping @Sendable (T) -> Double, _ narrow: @escaping @Sendable (Double) -> T
  ) -> Kernel {
    // Keys and values are put together with the past ones first, as [batch, heads, time, size].
    let keyBytes = k[0] * k[1] * keys * k[3] * MemoryLayout<T>.stride
    let valueStart = (keyBytes + 63) / 64 * 64
    let valueBytes = v[0] * v[1] * keys * v[3] * MemoryLayout<T>.stride
    return Kernel("attention", scratchBytes: valueStart + valueBytes) {
      (context) throws(ModelError) in
      try checkLengths(context)
      let allKeys = context.scratch.assumingMemoryBound(to: T.self)
      let allValues = (context.scratch + valueStart).assumingMemoryBound(to: T.self)
      gather(context.input(1), past > 0 ? context.input(4) : nil, k, allKeys)
      gather(context.input(2), past > 0 ? context.input(5) : nil, v, allValues)
      if wanted[1] { context.outputBytes(1).copyMemory(from: allKeys, byteCount: keyBytes) }
      if wanted[2] { context.outputBytes(2).copyMemory(from: allValues, byteCount: valueBytes) }
      nonisolated(unsafe) let query = context.input(0, as: T.self)
      nonisolated(unsafe) let (keyRows, valueRows) = (allKeys, allValues)
      nonisolated(unsafe) let mask = maskShape == nil ? nil : context.inputBytes(3)
      nonisolated(unsafe) let lengths = hasLengths ? context.input(6, as: Int.self) : nil
      nonisolated(unsafe) let output = wanted[0] ? context.output(0, as: T.self) : nil
      nonisolated(unsafe) let stages = wanted[3] ? context.output(3, as: T.self) : nil
      let rows = q[0] * q[1] * q[2]
      context.parallel(rows, grain: max(1, (1 << 14) / max(1, keys * q[3]))) { range in
        var (scores, bias) = (
          [Double](repeating: 0, count: keys), [Double](repeating: 0, count: keys)
        )
        for row in range {
          let (b, h, t) = (row / (q[1] * q[2]), row / q[2] % q[1], row % q[2])
          fillBias(&bias, mask, lengths?[b], b, h, t, wide)
          let head = (b * k[1] + h / grouped) * keys
          let stage = stages.map { $0 + row * keys }
          match(
            query + start(q, b, h, t), keyRows + head * k[3], bias, &scores, stage, wide, narrow)
          guard let output else { continue }
          let place = rank == 4 ? row * v[3] : ((b * q[2] + t) * q[1] + h) * v[3]
          for column in 0..<v[3] {
            var sum = 0.0
            for key in 0..<keys where scores[key] != 0 {
              sum += scores[key] * wide(valueRows[(head + key) * v[3] + column])
            }
            output[place + column] = narrow(sum)
          }
        }
      }
    }
  }

  func gather<T>(
    _ new: UnsafePointer<T>, _ old: UnsafePointer<T>?, _ e: [Int], _ to: UnsafeMutablePointer<T>
  ) {
    for b in 0..<e[0] {
      for h in 0..<e[1] {
        let row = b * e[1] + h
        let target = to + row * keys * e[3]
        if let old { target.update(from: old + row * past * e[3], count: past * e[3]) }
        for t in 0..<e[2] {
          (target + (past + t) * e[3]).update(from: new + start(e, b, h, t), count: e[3])
        }
      }
    }
  }

  /// 0 where a query may look, −∞ where it may not, and what the mask adds.
  private func fillBias<T>(
    _ bias: inout [Double], _ mask: UnsafeRawPointer?, _ length: Int?, _ b: Int, _ h: Int, _ t: Int,
    _ wide: (T) -> Double
  ) {
    let position = t + (length.map { $0 - q[2] } ?? past)
    var (start, width) = (0, keys)
    if let maskShape {
      let strides = Expand.strides(Array(maskShape.dropLast()), in: [q[0], q[1], q[2]])
      width = maskShape[maskShape.count - 1]
      start = (b * strides[0] + h * strides[1] + t * strides[2]) * width
    }
    for key in 0..<keys {
      var value = 0.0
      if let mask {
        // A mask of one key in a tensor of more is short, not broadcast.
        if key >= width {
          value = -Double.infinity
        } else if maskIsBool {
          value = mask.assumingMemoryBound(to: Bool.self)[start + key] ? 0 : -Double.infinity
        } else {
          value = wide(mask.assumingMemoryBound(to: T.self)[start + key])
        }
      }
      let isHidden =
        (isCausal && key > position) || (window.left >= 0 && position - key > window.left)
        || (window.right >= 0 && key - position > window.right) || key >= length ?? keys
      bias[key] = isHidden ? -Double.infinity : value
    }
  }

  /// The weight of each key for one query.
  private func match<T>(
    _ query: UnsafePointer<T>, _ rows: UnsafePointer<T>, _ bias: [Double],
    _ scores: inout [Double], _ stage: UnsafeMutablePointer<T>?, _ wide: (T) -> Double,
    _ narrow: (Double) -> T
  ) {
    var top = -Double.infinity
    for key in 0..<keys {
      var sum = 0.0
      for place in 0..<q[3] { sum += wide(query[place]) * wide(rows[key * k[3] + place]) }
      sum *= scale
      if mode == 0 { stage?[key] = narrow(sum) }
      if softcap > 0 { sum = softcap * tanh(sum / softcap) }
      if mode == 1 { stage?[key] = narrow(sum) }
      scores[key] = sum + bias[key]
      if mode == 2 { stage?[key] = narrow(scores[key]) }
      top = max(top, scores[key])
    }
    let isHidden = bias.allSatisfy { $0 == -Double.infinity } || top == -Double.infinity
    var total = 0.0
    for key in 0..<keys {
      scores[key] = isHidden ? 0 : exp(scores[key] - top)
      total += scores[key]
    }
    for key in 0..<keys {
      if total > 0 { scores[key] /= total }
      if mode == 3 { stage?[key] = narrow(scores[key]) }
    }
  }
}
