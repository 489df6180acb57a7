/// One graph of a model, open for rewriting.
///
/// Nodes keep their index while the editor lives; removed ones leave a gap. What a pass inserts is not found by
/// ``producer(of:)`` and ``consumers(of:)`` until the next editor is made, except nodes given to ``replace(_:with:)``.
public struct GraphEditor: Sendable {
  public let graph: GraphID
  private var edited: Model
  /// `nil` where a node has been removed.
  public private(set) var nodes: [Node?]
  private var inserted: [Int: [Node]] = [:]
  private var producers: [ValueID: Int] = [:]
  private var readers: [ValueID: Set<Int>] = [:]
  private var captures: [GraphID: Set<ValueID>] = [:]
  /// The graphs around this one, as far as they may hold weights that it uses.
  private let enclosing: [GraphID]

  public init(_ model: Model, _ graph: GraphID) {
    let others = graph == .main ? [] : model.graphs.indices.map(GraphID.init)
    self.init(model, graph, enclosing: others)
  }

  /// - Parameter enclosing: The graphs around `graph`: weights of others are not found.
  package init(_ model: Model, _ graph: GraphID, enclosing: [GraphID]) {
    self.graph = graph
    self.enclosing = enclosing
    edited = model
    nodes = model[graph].nodes
    for index in nodes.indices { link(index) }
  }

  /// The model with all changes.
  public var model: Model {
    var model = edited
    model[graph].nodes = result
    return model
  }

  /// Ends the editing: gives the model with all changes without a copy of its tables.
  package mutating func close() -> Model {
    edited[graph].nodes = result
    let model = edited
    edited = Model()
    return model
  }

  /// The graph's nodes with all changes.
  private var result: [Node] {
    var result: [Node] = []
    for (index, node) in nodes.enumerated() {
      result += inserted[index] ?? []
      if let node { result.append(node) }
    }
    return result
  }

  /// Indices of all nodes that are there, in order.
  public var indices: [Int] { nodes.indices.filter { nodes[$0] != nil } }

  public var outputs: [ValueID] { edited[graph].outputs }

  /// The node that makes a value; `nil` for inputs, weights and values of other graphs.
  public func producer(of value: ValueID?) -> Int? { value.flatMap { producers[$0] } }

  /// The nodes that read a value, those included whose subgraphs do, in order.
  public func consumers(of value: ValueID) -> [Int] { (readers[value] ?? []).sorted() }

  /// How many nodes read a value.
  public func consumerCount(of value: ValueID) -> Int { readers[value]?.count ?? 0 }

  public func isOutput(_ value: ValueID) -> Bool { edited[graph].outputs.contains(value) }

  /// The node that alone reads a value which is no output of the graph; `nil` if it is not so.
  public func soleConsumer(of value: ValueID?) -> Int? {
    guard let value, !isOutput(value), let readers = readers[value], readers.count == 1 else {
      return nil
    }
    return readers.first
  }

  /// The version of its domain that a node follows.
  public func opset(of node: Node) -> Int { edited.opset(of: node) }

  public func opset(_ domain: String) -> Int { edited.opset(domain) ?? 1 }

  public func name(of value: ValueID) -> String { edited[value].name }

  /// The weight behind a value of this graph, or of one around it; `nil` for an input that has a default.
  public func weight(_ value: ValueID?) -> Weight? {
    guard let value else { return nil }
    if let weight = edited[graph].weights[value] {
      let overridable = edited.irVersion >= 4 && edited[graph].inputs.contains(value)
      return overridable ? nil : weight
    }
    guard !enclosing.isEmpty, producers[value] == nil else { return nil }
    for id in enclosing {
      let other = edited[id]
      if let weight = other.weights[value], !other.inputs.contains(value) { return weight }
    }
    return nil
  }

  /// Makes `node` stand where node `index` stood.
  public mutating func replace(_ index: Int, with node: Node) {
    unlink(index)
    nodes[index] = node
    link(index)
  }

  public mutating func remove(_ index: Int) {
    unlink(index)
    nodes[index] = nil
  }

  /// Puts `node` before node `index`.
  public mutating func insert(_ node: Node, before index: Int) {
    inserted[index, default: []].append(node)
  }

  public mutating func addValue(_ name: String, type: ValueType? = nil) -> ValueID {
    edited.addValue(name, type: type)
  }

  public mutating func addWeight(_ name: String, _ tensor: Tensor) -> ValueID {
    let value = edited.addValue(name, type: .tensor(tensor.type))
    edited[graph].weights[value] = Weight(tensor)
    return value
  }

  public mutating func setWeight(_ value: ValueID, _ weight: Weight) {
    edited[graph].weights[value] = weight
  }

  /// Makes everything that reads `value`, in this graph and its subgraphs, and the graph's outputs use `other`.
  public mutating func replaceUses(of value: ValueID, with other: ValueID) {
    for index in consumers(of: value) {
      guard var node = nodes[index] else { continue }
      node.inputs = node.inputs.map { $0 == value ? other : $0 }
      for body in node.graphs { replaceUses(of: value, with: other, in: body) }
      replace(index, with: node)
    }
    edited[graph].outputs = edited[graph].outputs.map { $0 == value ? other : $0 }
  }

  private mutating func replaceUses(
    of value: ValueID, with other: ValueID, in body: GraphID
  ) {
    var inner = edited[body]
    for index in inner.nodes.indices {
      inner.nodes[index].inputs = inner.nodes[index].inputs.map { $0 == value ? other : $0 }
      for nested in inner.nodes[index].graphs {
        replaceUses(of: value, with: other, in: nested)
      }
    }
    inner.outputs = inner.outputs.map { $0 == value ? other : $0 }
    edited[body] = inner
    captures[body] = nil
  }

  /// Removes nodes and weights whose values nobody uses.
  public mutating func removeDeadNodes() {
    let outputs = Set(edited[graph].outputs)
    var insertedInputs: Set<ValueID> = []
    func isUsed(_ node: Node) -> Bool {
      node.outputs.contains { value in
        guard let value else { return false }
        return outputs.contains(value) || !(readers[value] ?? []).isEmpty
          || insertedInputs.contains(value)
      }
    }
    // Whoever reads a value comes behind the node that makes it.
    for index in nodes.indices.reversed() {
      if let node = nodes[index], !isUsed(node) { remove(index) }
      guard let before = inserted[index] else { continue }
      var kept: [Node] = []
      for node in before.reversed() where isUsed(node) {
        kept.insert(node, at: 0)
        insertedInputs.formUnion(node.inputs.compactMap { $0 })
      }
      inserted[index] = kept
    }
    let inputs = Set(edited[graph].inputs)
    edited[graph].weights = edited[graph].weights.filter { value, _ in
      inputs.contains(value) || outputs.contains(value) || insertedInputs.contains(value)
        || !(readers[value] ?? []).isEmpty
    }
  }

  private mutating func link(_ index: Int) {
    guard let node = nodes[index] else { return }
    for value in node.outputs { if let value { producers[value] = index } }
    for value in reads(node) { readers[value, default: []].insert(index) }
  }

  private mutating func unlink(_ index: Int) {
    guard let node = nodes[index] else { return }
    for value in node.outputs {
      if let value, producers[value] == index { producers[value] = nil }
    }
    for value in reads(node) { readers[value]?.remove(index) }
  }

  private mutating func reads(_ node: Node) -> Set<ValueID> {
    var values = Set(node.inputs.compactMap { $0 })
    for body in node.graphs { values.formUnion(captured(body)) }
    return values
  }

  /// Values that a body takes from the graphs around it.
  private mutating func captured(_ body: GraphID) -> Set<ValueID> {
    if let known = captures[body] { return known }
    let values = edited.captures(of: body)
    captures[body] = values
    return values
  }
}

extension Model {
  /// The values that a graph uses but does not define.
  public func captures(of graph: GraphID) -> Set<ValueID> {
    let rows = self[graph]
    var defined = Set(rows.inputs).union(rows.weights.keys)
    var used = Set(rows.outputs)
    for node in rows.nodes {
      used.formUnion(node.inputs.compactMap { $0 })
      defined.formUnion(node.outputs.compactMap { $0 })
      for body in node.graphs { used.formUnion(captures(of: body)) }
    }
    return used.subtracting(defined)
  }

  /// The main graph and all bodies of nodes that are reached from it, in the order of the table.
  ///
  /// - Complexity: O(nodes), besides the sorting of graphs.
  public var reachableGraphs: [GraphID] {
    graphLevels.joined().sorted { $0.index < $1.index }
  }

  /// The graphs that are reached: the main one, then the bodies of its nodes, then those of theirs, and so on.
  package var graphLevels: [[GraphID]] {
    var levels: [[GraphID]] = [[.main]]
    var seen: Set<GraphID> = [.main]
    while let last = levels.last, !last.isEmpty {
      levels.append(
        last.flatMap { self[$0].nodes.flatMap(\.graphs) }.filter { seen.insert($0).inserted })
    }
    return levels.dropLast()
  }
}
