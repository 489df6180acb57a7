/// Operators on signals.
let signalParts: [Decomposition] = [
  Decomposition("STFT") { (call) throws(ModelError) in
    let signal = try call.input(0)
    let builder = call.builder
    guard let step = builder.integers(call.node.inputs[1])?.first, step > 0 else {
      throw call.refused("its frame_step depends on data", expected: "a constant frame_step")
    }
    let given = call.has(3) ? builder.integers(call.node.inputs[3])?.first : nil
    let window = call.has(2) ? try call.input(2) : nil
    guard given != nil || window != nil else {
      throw call.refused("its frame_length depends on data", expected: "a constant frame_length")
    }
    let isOnesided = try call.reader.bool("onesided", default: true)
    func range(_ count: Term) -> Term {
      builder.scalar(0, .i64).apply("Range", count.squeezed([0]), builder.scalar(1, .i64))
    }
    let length = given.map { builder.list([$0]) } ?? window?.extents ?? builder.list([0])
    let frames = (signal.extents(1..<2) - length) / builder.list([step]) + builder.list([1])
    let starts = range(frames) * builder.list([step])
    let rank = try call.rank()
    let line = rank == 2 ? signal.unsqueezed([2]) : signal
    // [batch, frames, length, 1 or 2]
    var framed = line.gathered(starts.unsqueezed([1]) + range(length), axis: 1)
    if let window { framed = framed * window.unsqueezed([1]) }
    return [
      builder.add(
        "DFT", [framed, nil, builder.scalar(2, .i64)],
        [Attribute("onesided", .int(isOnesided ? 1 : 0))], gives: signal.element)
    ]
  }
]
