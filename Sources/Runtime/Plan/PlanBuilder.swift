/// Chooses kernels for one set of extents and lays out the memory that they share.
struct PlanBuilder {
  private let source: Program
  private let program: Program
  private let threads: Int
  private let inference: TypeInference
  private var steps: [Plan.Step] = []
  private var operands: [Int32] = []
  private var homes: [Plan.Home]
  /// The slot whose memory each slot shares; itself if it has its own.
  private var roots: [Int]
  /// Per root: the last step that reads it, `Int.max` for the graph's outputs.
  private var lastUses: [Int]
  private var blocks: [ArenaLayout.Block] = []
  /// Per root that lives in the arena: its row of `blocks`.
  private var blockOf: [Int: Int] = [:]
  private var scratchSlots: [(slot: Int, block: Int)] = []

  /// - Throws: A refusal that names the node.
  static func plan(
    _ program: Program, inputTypes: [ValueType], threads: Int
  ) throws(ModelError) -> Plan {
    let inference = try TypeInference(program, inputTypes: inputTypes, inlinesBranches: true)
    var builder = PlanBuilder(program, inference, threads)
    return try builder.build(inputTypes)
  }

  private init(_ source: Program, _ inference: TypeInference, _ threads: Int) {
    let program = inference.program
    self.source = source
    self.program = program
    self.inference = inference
    self.threads = threads
    homes = Array(repeating: .none, count: program.slotCount)
    roots = Array(0..<program.slotCount)
    lastUses = Array(repeating: -1, count: program.slotCount)
  }

  /// The refusals of kernels for what was inferred, as far as that is numbers.
  static func refusals(_ inference: TypeInference) -> [ModelError] {
    let builder = PlanBuilder(inference.program, inference, 1)
    return inference.program.steps.compactMap { step in
      do throws(ModelError) {
        try builder.requireKernel(step)
        return nil
      } catch { return error.at(node: step.site) }
    }
  }

  private func requireKernel(_ step: Program.Step) throws(ModelError) {
    if step.op is RefusedOperator { return }
    guard let op = step.op.onTensors else {
      if step.op.onValues != nil { return }
      throw ModelError(.unsupportedOperator, "an operator that cannot be run")
    }
    guard let io = try nodeIO(step) else { return }
    _ = try op.lower(io)
  }

  private mutating func build(_ inputTypes: [ValueType]) throws(ModelError) -> Plan {
    for slot in program.inputs { homes[slot] = .value }
    for (index, step) in program.steps.enumerated() {
      for slot in step.uses { lastUses[slot] = index }
    }
    for slot in program.outputs {
      lastUses[slot] = Int.max
      try keep(slot)
    }
    for (index, step) in program.steps.enumerated() where !takeConstants(step) {
      do throws(ModelError) { try add(step, index) } catch { throw error.at(node: step.site) }
    }
    return try finish(inputTypes)
  }

  /// Turns a step whose outputs are all known into constants.
  private mutating func takeConstants(_ step: Program.Step) -> Bool {
    var constants: [(Int, Tensor)] = []
    for slot in step.outputs where slot != 0 {
      guard case .tensor(let type)? = inference.types[slot],
        let tensor = inference.known[slot]?.constant(type.element)
      else { return false }
      constants.append((slot, tensor))
    }
    for (slot, tensor) in constants { homes[slot] = .constant(tensor) }
    return !constants.isEmpty
  }

  private mutating func add(_ step: Program.Step, _ index: Int) throws(ModelError) {
    guard let op = step.op.onTensors, let io = try nodeIO(step) else {
      return try addCall(step, index)
    }
    let kernel = try op.lower(io)
    switch kernel.action {
    case .deferred: try addCall(step, index)
    case .alias(let input):
      try keep(step.inputs[input])
      addAlias(step, index, kernel, step.inputs[input])
    case .run(let body):
      for (position, slot) in step.inputs.enumerated()
      where !io.replaced.indices.contains(position) { try keep(slot) }
      addKernel(step, index, kernel, body)
    }
  }

  /// Keeps a constant in memory, because a step reads it.
  private mutating func keep(_ slot: Int) throws(ModelError) {
    guard case .none = homes[slot], let weight = program.constants[slot] else { return }
    homes[slot] = .constant(try weight.tensor())
  }

  /// The node's operands, if all their extents are numbers.
  ///
  /// - Throws: A refusal of outputs that no memory can hold, before a kernel makes tables of their extents.
  private func nodeIO(_ step: Program.Step) throws(ModelError) -> NodeIO? {
    var inputs: [NodeIO.Operand?] = []
    for slot in step.inputs {
      guard let operand = operand(slot) else { return nil }
      inputs.append(operand.self)
    }
    var outputs: [NodeIO.Operand?] = []
    for slot in step.outputs {
      guard let operand = operand(slot) else { return nil }
      if let operand { try TensorMemory.require(operand.element, shape: operand.shape) }
      outputs.append(operand.self)
    }
    return NodeIO(
      inputs: inputs, outputs: outputs, packedWeights: program.packedWeights, threads: threads)
  }

  /// `.some(nil)` for an operand that is left out, `nil` for one whose extents or type no kernel can take.
  private func operand(_ slot: Int) -> NodeIO.Operand?? {
    if slot == 0 { return .some(nil) }
    guard case .tensor(let type)? = inference.types[slot], !type.element.isPackedOrString,
      let extents = type.shape?.extents,
      (try? Tensor.byteCount(type.element, shape: extents)) != nil
    else {
      return packedConstant(slot)
    }
    let value = inference.known[slot]?.constant(type.element)
    let source = program.constants[slot]
    let weight = source == nil ? nil : program.values[slot]
    return NodeIO.Operand(
      element: type.element, shape: extents, value: value, weight: weight, source: source)
  }

  /// Weights of packed elements may go to kernels, which know how to read them.
  private func packedConstant(_ slot: Int) -> NodeIO.Operand?? {
    guard let weight = program.constants[slot], weight.elementType.isPacked else { return nil }
    return NodeIO.Operand(
      element: weight.elementType, shape: weight.shape, value: nil, weight: program.values[slot],
      source: weight)
  }

  private mutating func addKernel(
    _ step: Program.Step, _ index: Int, _ kernel: Kernel, _ body: @escaping Kernel.Body
  ) {
    let first = operands.count
    operands += step.inputs.map(Int32.init)
    operands += step.outputs.map(Int32.init)
    for (position, slot) in step.outputs.enumerated() where slot != 0 {
      let reused = kernel.reuses[position].flatMap { reusable($0, of: step, by: slot, index) }
      if let reused {
        share(slot, with: reused)
      } else {
        allocate(slot, index)
      }
    }
    if kernel.scratchBytes > 0 {
      let slot = homes.count + scratchSlots.count
      scratchSlots.append((slot, blocks.count))
      blocks.append(.init(bytes: kernel.scratchBytes, first: index, last: index))
      operands.append(Int32(slot))
    } else {
      operands.append(0)
    }
    steps.append(
      Plan.Step(
        program: index, action: .kernel(body), kernelName: kernel.name, firstOperand: first,
        inputCount: step.inputs.count, outputCount: step.outputs.count, releases: []))
  }

  private mutating func addAlias(
    _ step: Program.Step, _ index: Int, _ kernel: Kernel, _ input: Int
  ) {
    let slot = step.outputs[0]
    let root = roots[input]
    share(slot, with: root)
    guard case .value = homes[root] else { return }
    steps.append(
      Plan.Step(
        program: index, action: .alias(of: root), kernelName: kernel.name,
        firstOperand: slot, inputCount: 0, outputCount: 0, releases: []))
  }

  private mutating func addCall(_ step: Program.Step, _ index: Int) throws(ModelError) {
    for slot in step.uses { try keep(slot) }
    for slot in step.outputs where slot != 0 { homes[slot] = .value }
    let branch = hasCondition(step) ? step.op as? any BranchOperator : nil
    steps.append(
      Plan.Step(
        program: index, action: branch.map(Plan.Action.branch) ?? .call,
        kernelName: branch == nil ? "call" : "branch", firstOperand: 0,
        inputCount: step.inputs.count, outputCount: step.outputs.count, releases: []))
  }

  /// Whether the first input is certainly one `bool`.
  private func hasCondition(_ step: Program.Step) -> Bool {
    guard let slot = step.inputs.first, case .tensor(let type)? = inference.types[slot] else {
      return false
    }
    return type.element == .bool && type.shape?.count.value == 1
  }

  /// The root that `slot` may take over from an input of the step: memory of this plan that nobody reads later, nor the
  /// step as another input, where it may want other elements.
  private func reusable(_ input: Int, of step: Program.Step, by slot: Int, _ index: Int) -> Int? {
    let root = roots[step.inputs[input]]
    guard step.inputs.filter({ $0 != 0 && roots[$0] == root }).count == 1,
      let block = blockOf[root], lastUses[root] == index,
      bytes(slot) == blocks[block].bytes
    else { return nil }
    return root
  }

  private mutating func share(_ slot: Int, with root: Int) {
    roots[slot] = root
    homes[slot] = .alias(of: root)
    lastUses[root] = max(lastUses[root], lastUses[slot])
    if let block = blockOf[root] { blocks[block].last = lastUses[root] }
  }

  private mutating func allocate(_ slot: Int, _ index: Int) {
    blockOf[slot] = blocks.count
    blocks.append(
      .init(bytes: bytes(slot), first: index, last: max(lastUses[slot], index)))
  }

  private func bytes(_ slot: Int) -> Int {
    guard case .tensor(let type)? = inference.types[slot], let extents = type.shape?.extents else {
      return 0
    }
    return (try? Tensor.byteCount(type.element, shape: extents)) ?? 0
  }

  private mutating func finish(_ inputTypes: [ValueType]) throws(ModelError) -> Plan {
    placeOutputs()
    let (offsets, arenaBytes) = try ArenaLayout.place(blocks)
    for (slot, block) in blockOf {
      if case .none = homes[slot] { homes[slot] = .arena(offset: offsets[block]) }
    }
    addReleases()
    return Plan(
      program: program, source: source, steps: steps, operands: operands, homes: homes,
      types: inference.types, inputTypes: inputTypes, arenaBytes: arenaBytes,
      scratchSlots: scratchSlots.map { ($0.slot, offsets[$0.block]) })
  }

  /// Lets each output of the graph that a kernel writes be written where the caller gets it.
  private mutating func placeOutputs() {
    for (position, slot) in program.outputs.enumerated() {
      let root = roots[slot]
      guard let block = blockOf[root], case .none = homes[root] else { continue }
      homes[root] = .output(position)
      blocks[block].bytes = 0
    }
  }

  /// Values that calls made are let go after their last use.
  private mutating func addReleases() {
    var releases: [Int: [Int]] = [:]
    let inputs = Set(program.inputs)
    for (slot, home) in homes.enumerated() {
      guard case .value = home, lastUses[slot] != Int.max, !inputs.contains(slot) else {
        continue
      }
      releases[lastUses[slot], default: []].append(slot)
    }
    steps = steps.map { step in
      guard let slots = releases[step.program] else { return step }
      return Plan.Step(
        program: step.program, action: step.action, kernelName: step.kernelName,
        firstOperand: step.firstOperand, inputCount: step.inputCount,
        outputCount: step.outputCount, releases: slots)
    }
  }
}

extension ElementType {
  var isPackedOrString: Bool { isPacked || self == .string }
}
