/// Places blocks of memory with known lifetimes into one arena.
///
/// Greedy by size: the largest block first, each at the lowest offset where it overlaps no block that lives at the
/// same time. Source: Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference", 2020.
enum ArenaLayout {
  struct Block {
    var bytes: Int
    /// The first and the last step that touch it.
    var first: Int
    var last: Int
  }

  /// - Returns: The offset of each block, a multiple of 64, and the arena's size.
  /// - Complexity: O(n²) for n blocks in the worst case.
  static func place(_ blocks: [Block]) -> (offsets: [Int], bytes: Int) {
    var offsets = Array(repeating: 0, count: blocks.count)
    var placed: [(offset: Int, end: Int, block: Block)] = []
    var total = 0
    let order = blocks.indices.sorted { (blocks[$1].bytes, $0) < (blocks[$0].bytes, $1) }
    for index in order where blocks[index].bytes > 0 {
      let block = blocks[index]
      let size = rounded(block.bytes)
      var offset = 0
      for other in placed where other.block.first <= block.last && block.first <= other.block.last {
        if other.offset >= offset + size { break }
        offset = max(offset, other.end)
      }
      offsets[index] = offset
      let position = placed.firstIndex { $0.offset > offset } ?? placed.count
      placed.insert((offset, offset + size, block), at: position)
      total = max(total, offset + size)
    }
    return (offsets, total)
  }

  private static func rounded(_ bytes: Int) -> Int {
    let alignment = TensorBuffer.alignment
    return (bytes + alignment - 1) / alignment * alignment
  }
}
