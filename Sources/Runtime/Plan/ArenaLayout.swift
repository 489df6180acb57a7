/// Places blocks of memory with known lifetimes into one arena.
///
/// Greedy by size: the largest block first, each at the lowest offset where it overlaps no block that lives at the
/// same time. Source: Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference", 2020.
package enum ArenaLayout {
  package struct Block {
    var bytes: Int
    /// The first and the last step that touch it.
    var first: Int
    var last: Int

    package init(bytes: Int, first: Int, last: Int) {
      (self.bytes, self.first, self.last) = (bytes, first, last)
    }
  }

  /// - Returns: The offset of each block, a multiple of 64, and the arena's size.
  /// - Throws: `.limitExceeded` if the bytes of all blocks cannot be counted.
  /// - Complexity: O(n log n) for n blocks that each live for a few steps, O(n²) if all live all the time.
  package static func place(_ blocks: [Block]) throws(ModelError) -> (offsets: [Int], bytes: Int) {
    try requireCountable(blocks)
    var offsets = Array(repeating: 0, count: blocks.count)
    var placed = PlacedBlocks(steps: (blocks.map(\.first).max() ?? 0) + 1)
    var total = 0
    let order = blocks.indices.sorted { (blocks[$1].bytes, $0) < (blocks[$0].bytes, $1) }
    for index in order where blocks[index].bytes > 0 {
      let block = blocks[index]
      let size = rounded(block.bytes)
      let offset = placed.lowestOffset(size, block)
      offsets[index] = offset
      placed.insert(block, offset..<offset + size)
      total = max(total, offset + size)
    }
    return (offsets, total)
  }

  /// No block lies behind all others together, so this keeps every sum of places and sizes within an `Int`.
  private static func requireCountable(_ blocks: [Block]) throws(ModelError) {
    var total = 0
    for block in blocks {
      let (padded, isLong) = block.bytes.addingReportingOverflow(TensorBuffer.alignment)
      let (sum, overflows) = total.addingReportingOverflow(padded)
      guard block.bytes >= 0, !isLong, !overflows else {
        throw ModelError(
          .limitExceeded, "\(block.bytes) bytes beside \(total) for values and working memory",
          expected: "at most \(Int.max) in all")
      }
      total = sum
    }
  }

  private static func rounded(_ bytes: Int) -> Int {
    let alignment = TensorBuffer.alignment
    return (bytes + alignment - 1) / alignment * alignment
  }
}

/// Blocks that have their place, found by the time in which they live.
private struct PlacedBlocks {
  private struct Entry {
    let place: Range<Int>
    let first: Int
    let last: Int

    func overlaps(_ block: ArenaLayout.Block) -> Bool {
      first <= block.last && block.first <= last
    }
  }

  /// Steps of one bucket.
  private static let width = 64
  /// A block that lives through more buckets is kept apart.
  private static let short = 4

  private let steps: Int
  private var buckets: [[Entry]]
  /// Sorted by place.
  private var long: [Entry] = []

  init(steps: Int) {
    self.steps = steps
    buckets = Array(repeating: [], count: steps / Self.width + 1)
  }

  private func span(_ block: ArenaLayout.Block) -> ClosedRange<Int> {
    block.first / Self.width...min(max(block.last, block.first), steps) / Self.width
  }

  mutating func insert(_ block: ArenaLayout.Block, _ place: Range<Int>) {
    let entry = Entry(place: place, first: block.first, last: block.last)
    let span = span(block)
    if span.count <= Self.short {
      for bucket in span { buckets[bucket].append(entry) }
      return
    }
    var (low, high) = (0, long.count)
    while low < high {
      let middle = (low + high) / 2
      if long[middle].place.lowerBound <= place.lowerBound {
        low = middle + 1
      } else {
        high = middle
      }
    }
    long.insert(entry, at: low)
  }

  /// The lowest offset where `size` bytes are free while `block` lives.
  func lowestOffset(_ size: Int, _ block: ArenaLayout.Block) -> Int {
    var near: [Range<Int>] = []
    for bucket in span(block) {
      for entry in buckets[bucket] where entry.overlaps(block) { near.append(entry.place) }
    }
    near.sort { $0.lowerBound < $1.lowerBound }
    var offset = 0
    var next = 0
    func pass(_ place: Range<Int>) -> Bool {
      if place.lowerBound >= offset + size { return false }
      offset = max(offset, place.upperBound)
      return true
    }
    for entry in long where entry.overlaps(block) {
      while next < near.count, near[next].lowerBound <= entry.place.lowerBound {
        guard pass(near[next]) else { return offset }
        next += 1
      }
      guard pass(entry.place) else { return offset }
    }
    while next < near.count, pass(near[next]) { next += 1 }
    return offset
  }
}
