import CKernels

// `Attention` of f32 whose scores nobody asks for.
extension AttentionJob {
  /// The kernel that never writes the scores; `nil` if they are an output, or rows are too long for it.
  func fusedKernel() -> Kernel? {
    guard wanted[0], !wanted[3], max(q[3], v[3]) <= AttentionKernel.maximumSize, k[1] > 0 else {
      return nil
    }
    // Keys and values are put together with the past ones first, as [batch, heads, time, size].
    let gathers = past > 0 || wanted[1] || wanted[2]
    let whole = [k, v].map { gathers ? [$0[0], $0[1], keys, $0[3]] : $0 }
    let sizes = whole.map { $0.reduce(4, *) }
    let valueStart = (sizes[0] + 63) / 64 * 64
    let isTimeFirst = rank == 3
    var call = AttentionKernel(
      batch: q[0], heads: q[1], groups: k[1], queries: q[2], keys: keys, size: q[3],
      valueSize: v[3], qStrides: .init(q, timeFirst: isTimeFirst),
      kStrides: .init(whole[0], timeFirst: isTimeFirst && !gathers),
      vStrides: .init(whole[1], timeFirst: isTimeFirst && !gathers),
      yStrides: .init([q[0], q[1], q[2], v[3]], timeFirst: isTimeFirst), scale: Float(scale),
      softcap: Float(softcap), past: past, isCausal: isCausal, window: window,
      isZeroWhenEmpty: true)
    if let maskShape {
      let extents = Array(repeating: 1, count: 4 - maskShape.count) + maskShape
      // A mask of one key in a tensor of more is short, not broadcast.
      call.mask = .init(
        strides: .init(extents, timeFirst: false), keys: extents[3], isBool: maskIsBool)
    }
    let fused = call
    return Kernel(
      AttentionKernel.name(), scratchBytes: gathers ? valueStart + sizes[1] : 0
    ) { (context) throws(ModelError) in
      try checkLengths(context)
      var (k, v) = (context.input(1, as: Float.self), context.input(2, as: Float.self))
      if gathers {
        let keys =
          wanted[1] ? context.output(1) : context.scratch.assumingMemoryBound(to: Float.self)
        let values =
          wanted[2]
          ? context.output(2) : (context.scratch + valueStart).assumingMemoryBound(to: Float.self)
        gather(k, past > 0 ? context.input(4) : nil, self.k, keys)
        gather(v, past > 0 ? context.input(5) : nil, self.v, values)
        (k, v) = (UnsafePointer(keys), UnsafePointer(values))
      }
      fused.run(
        .init(
          q: context.input(0), k: k, v: v, y: context.output(0),
          mask: maskShape == nil ? nil : context.inputBytes(3),
          lengths: hasLengths ? context.input(6) : nil), context)
    }
  }
}
