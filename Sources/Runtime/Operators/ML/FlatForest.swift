import CKernels

/// Trees in the form that the kernel walks: siblings side by side, leaves as nodes that lead to themselves.
///
/// Thresholds are f32 if that loses nothing. The memory is written before anyone else sees it, never after.
final class FlatForest: @unchecked Sendable {
  let targets: Int
  let featureCount: Int
  let treeCount: Int
  /// The targets that are voted for, and whether no vote is below 0.
  let votedTargets: Set<Int>
  let hasOnlyPositiveVotes: Bool
  private let averaged: Double?
  private let baseValues: [Double]
  private let memory: [UnsafeMutableRawBufferPointer]
  private let forest: zoo_forest

  init(_ source: TreeForest) {
    targets = source.targets
    featureCount = source.nodes.reduce(0) { max($0, Int($1.feature) + 1) }
    treeCount = source.roots.count
    votedTargets = source.votes.reduce(into: []) { $0.insert($1.target) }
    hasOnlyPositiveVotes = source.votes.allSatisfy { $0.weight >= 0 }
    averaged = source.aggregate == .average ? Double(max(1, source.roots.count)) : nil
    baseValues = source.baseValues
    let isWide = source.nodes.contains {
      $0.threshold == $0.threshold && Double(Float($0.threshold)) != $0.threshold
    }
    var layout = Layout(source)
    var memory: [UnsafeMutableRawBufferPointer] = []
    func keep<T>(_ values: [T]) -> UnsafePointer<T> {
      let buffer = UnsafeMutableRawBufferPointer.allocate(
        byteCount: max(1, values.count) * MemoryLayout<T>.stride, alignment: 64)
      values.withUnsafeBytes { buffer.copyMemory(from: $0) }
      memory.append(buffer)
      return UnsafePointer(buffer.bindMemory(to: T.self).baseAddress.unsafelyUnwrapped)
    }
    let nodes =
      isWide
      ? UnsafeRawPointer(
        keep(
          layout.place { zoo_tree_node_f64(threshold: $0, feature: $1, next: $2, info: $3) }))
      : UnsafeRawPointer(
        keep(
          layout.place {
            zoo_tree_node_f32(threshold: Float($0), feature: $1, next: $2, info: $3)
          }))
    let sets = source.members.reduce(into: [Int32(0)]) {
      $0.append(($0.last ?? 0) + Int32($1.count))
    }
    forest = zoo_forest(
      nodes: nodes, is_f64: isWide ? 1 : 0, roots: keep(layout.roots), trees: layout.roots.count,
      mode: layout.mode, has_missing: source.nodes.contains { $0.missingIsYes } ? 1 : 0,
      vote_begin: keep(source.voteBegin), vote_target: keep(source.votes.map { Int32($0.target) }),
      vote_weight: keep(source.votes.map(\.weight)), targets: source.targets,
      aggregate: source.aggregate == .minimum
        ? zoo_tree_min : source.aggregate == .maximum ? zoo_tree_max : zoo_tree_sum,
      set_begin: keep(sets), set_values: keep(source.members.flatMap { $0 }))
    self.memory = memory
  }

  deinit { for buffer in memory { buffer.deallocate() } }

  /// The scores of `rows` rows of `columns` features, base values not added.
  ///
  /// - Parameters:
  ///   - scores: `[rows, targets]`.
  ///   - voted: Whether any leaf voted for a target, likewise.
  func score<T: BinaryFloatingPoint>(
    _ x: UnsafePointer<T>, rows: Int, columns: Int, _ scores: inout [Double],
    _ voted: inout [UInt8]
  ) {
    let count = rows * targets
    if scores.count != count {
      scores = Array(repeating: 0, count: count)
      voted = Array(repeating: 0, count: count)
    }
    withUnsafePointer(to: forest) {
      zoo_forest_score($0, x, T.self == Double.self ? 1 : 0, rows, columns, &scores, &voted)
    }
    guard let averaged else { return }
    for place in scores.indices { scores[place] /= averaged }
  }

  /// The base value of a target.
  func base(_ target: Int) -> Double {
    baseValues.count == 1 ? baseValues[0] : baseValues[checked: target] ?? 0
  }

  /// Whether each of two or more targets has a base value of its own.
  var hasBases: Bool { targets > 1 && baseValues.count == targets }

  /// - Throws: `.shapeMismatch` if rows are narrower than what the trees look at.
  func check(columns: Dimension) throws(ModelError) {
    guard let columns = columns.value, columns < featureCount else { return }
    throw ModelError(
      .shapeMismatch, "\(columns) features for trees that look at feature \(featureCount - 1)",
      expected: "\(featureCount) or more")
  }
}

extension FlatForest {
  /// Numbers the nodes of all trees anew.
  private struct Layout {
    let source: TreeForest
    var roots: [Int32] = []
    let mode: zoo_tree_mode

    init(_ source: TreeForest) {
      self.source = source
      let first = source.nodes.first?.mode
      let isUniform = source.nodes.allSatisfy { $0.mode == first }
      mode =
        isUniform && first == .lessOrEqual
        ? zoo_tree_le : isUniform && first == .less ? zoo_tree_lt : zoo_tree_mixed
    }

    mutating func place<T>(_ make: (Double, UInt32, Int32, Int32) -> T) -> [T] {
      let filler = make(.nan, 0, 0, 0)
      var nodes: [T] = []
      nodes.reserveCapacity(2 * source.nodes.count + source.roots.count)
      var waiting: [(child: Int32, place: Int)] = []
      // Where the children of a node lie. A node that several lead to stands beside each of its siblings, its children once.
      var children: [Int?] = Array(repeating: nil, count: source.nodes.count)
      for root in source.roots {
        roots.append(Int32(nodes.count))
        waiting.append((root, nodes.count))
        nodes.append(filler)
        while let (child, place) = waiting.popLast() {
          guard child >= 0 else {
            nodes[place] = make(.nan, 0, Int32(place), ~child)
            continue
          }
          let node = source.nodes[Int(child)]
          // Not equal is equal with the branches changed over; NaN is equal to nothing.
          let isSwapped = node.mode == .notEqual
          let next = children[Int(child)] ?? nodes.count
          if next == nodes.count {
            children[Int(child)] = next
            nodes.append(filler)
            nodes.append(filler)
            waiting.append((isSwapped ? node.yes : node.no, next))
            waiting.append((isSwapped ? node.no : node.yes, next + 1))
          }
          let flags =
            Int32(Self.mode(node.mode).rawValue)
            | (node.missingIsYes && !isSwapped ? 8 : 0)
          nodes[place] = make(node.threshold, UInt32(node.feature), Int32(next), ~flags)
        }
      }
      return nodes
    }

    private static func mode(_ mode: TreeForest.Mode) -> zoo_tree_mode {
      switch mode {
      case .lessOrEqual: zoo_tree_le
      case .less: zoo_tree_lt
      case .greaterOrEqual: zoo_tree_ge
      case .greater: zoo_tree_gt
      case .equal, .notEqual: zoo_tree_eq
      case .member: zoo_tree_member
      }
    }
  }
}
