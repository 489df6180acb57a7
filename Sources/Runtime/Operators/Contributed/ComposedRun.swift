/// The kernels of a composed operator, and where what they hand to each other lies.
struct ComposedRun: Sendable {
  enum Home: Sendable {
    case input(Int)
    case output(Int)
    case temporary(bytes: Int)
    case constant(Tensor)
    case alias(of: Int)
  }

  private struct Step: Sendable {
    let body: Kernel.Body
    /// Places; `nil` for what is left out.
    let inputs: [Int?]
    let outputs: [Int?]
    let scratch: Int
    let scratchBytes: Int
  }

  var homes: [Home] = []
  private var steps: [Step] = []

  mutating func add(
    _ body: @escaping Kernel.Body, _ inputs: [Int?], _ outputs: [Int?], scratch: Int
  ) {
    homes.append(.temporary(bytes: scratch))
    steps.append(
      Step(
        body: body, inputs: inputs.map { $0.map(root) }, outputs: outputs,
        scratch: homes.count - 1, scratchBytes: scratch))
  }

  private func root(_ place: Int) -> Int {
    if case .alias(let other) = homes[place] { return root(other) }
    return place
  }

  /// Lets the kernel that makes a value write it to an output, or copies it there.
  mutating func bind(_ place: Int, output: Int, bytes: Int) {
    let place = root(place)
    if case .temporary = homes[place] {
      homes[place] = .output(output)
      return
    }
    homes.append(.output(output))
    let copy: Kernel.Body = { context in
      context.outputBytes(0).copyMemory(from: context.inputBytes(0), byteCount: bytes)
    }
    add(copy, [place], [homes.count - 1], scratch: 0)
  }

  /// Where temporaries lie in the scratch memory, by place, and its size.
  private func layOut() throws(ModelError) -> (offsets: [Int: Int], bytes: Int) {
    var lives: [Int: ArenaLayout.Block] = [:]
    for (index, step) in steps.enumerated() {
      for case let place? in step.inputs + step.outputs + [step.scratch] {
        guard case .temporary(let bytes) = homes[place] else { continue }
        lives[place, default: .init(bytes: bytes, first: index, last: index)].last = index
      }
    }
    let places = lives.keys.sorted()
    let (offsets, total) = try ArenaLayout.place(places.compactMap { lives[$0] })
    return (Dictionary(uniqueKeysWithValues: zip(places, offsets)), total)
  }

  func kernel() throws(ModelError) -> Kernel {
    let (offsets, bytes) = try layOut()
    let (homes, steps) = (homes, steps)
    let slots = steps.map { step in
      (step.inputs + step.outputs + [step.scratch]).map { Int32(($0 ?? -1) + 1) }
    }
    return Kernel("composed", scratchBytes: max(bytes, 64)) { (context) throws(ModelError) in
      var pointers: [UnsafeMutableRawPointer?] = [nil]
      pointers.reserveCapacity(homes.count + 1)
      for (place, home) in homes.enumerated() {
        switch home {
        case .input(let index): pointers.append(context.table[Int(context.slots[index])])
        case .output(let index): pointers.append(context.outputBytes(index))
        case .constant(let tensor):
          pointers.append(tensor.bytes.map { $0.buffer.base + $0.offset })
        case .temporary: pointers.append(offsets[place].map { context.scratch + $0 })
        case .alias: pointers.append(nil)
        }
      }
      for (step, slots) in zip(steps, slots) {
        try OperatorCall.call(
          step.body, &pointers, slots, step.inputs.count, step.outputs.count, context.threads)
      }
    }
  }
}
