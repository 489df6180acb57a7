/// Finds nodes by tree and number. Exporters write them in order, where no search is needed.
struct TreeNodeIndex {
  /// The rows of one tree, in `order`.
  struct Tree {
    let id: Int
    let places: Range<Int>
  }

  private(set) var trees: [Tree] = []
  private let order: [Int32]
  private let numbers: [Int]

  /// - Throws: `.invalidAttribute` if a tree has two nodes of one number.
  init(trees ids: [Int], numbers: [Int]) throws(ModelError) {
    func isBefore(_ a: Int, _ b: Int) -> Bool { (ids[a], numbers[a]) < (ids[b], numbers[b]) }
    let isOrdered = ids.indices.dropFirst().allSatisfy { isBefore($0 - 1, $0) }
    let rows = isOrdered ? Array(ids.indices) : ids.indices.sorted(by: isBefore)
    order = rows.map(Int32.init)
    self.numbers = numbers
    var start = 0
    for place in rows.indices {
      let row = rows[place]
      if place + 1 < rows.count, ids[rows[place + 1]] == ids[row] {
        guard numbers[rows[place + 1]] != numbers[row] else {
          throw ModelError(
            .invalidAttribute, "node \(numbers[row]) of tree \(ids[row]) comes twice",
            expected: "each node once")
        }
        continue
      }
      trees.append(Tree(id: ids[row], places: start..<place + 1))
      start = place + 1
    }
  }

  /// The rows of a tree's nodes in the operator's lists.
  func rows(_ tree: Tree) -> some Sequence<Int> { order[tree.places].lazy.map(Int.init) }

  func row(_ tree: Tree, _ number: Int) -> Int? {
    let guess = tree.places.lowerBound &+ (number &- numbers[Int(order[tree.places.lowerBound])])
    if tree.places.contains(guess), numbers[Int(order[guess])] == number {
      return Int(order[guess])
    }
    var (low, high) = (tree.places.lowerBound, tree.places.upperBound)
    while low < high {
      let middle = (low + high) / 2
      if numbers[Int(order[middle])] < number { low = middle + 1 } else { high = middle }
    }
    guard low < tree.places.upperBound, numbers[Int(order[low])] == number else { return nil }
    return Int(order[low])
  }
}
