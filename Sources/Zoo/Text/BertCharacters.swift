/// What the BERT normalizer does with each Unicode scalar, looked up in constant time: the tables of
/// ``BertUnicodeTables``, unfolded into blocks of 256 scalars.
struct BertCharacters: Sendable {
  struct Flags: OptionSet {
    let rawValue: UInt16
    static let space = Flags(rawValue: 1)
    static let dropped = Flags(rawValue: 2)
    static let punctuation = Flags(rawValue: 4)
    static let mark = Flags(rawValue: 8)
    static let stripped = Flags(rawValue: 1 << 7)
    static let uppercase = Flags(rawValue: 1 << 8)

    /// Orders scalars by their canonical combining class; 0 for those that do not combine.
    var combiningOrder: UInt16 { (rawValue >> 4) & 7 }
  }

  static let shared = BertCharacters()

  /// For each 256 scalars, where their flags begin in `flags`.
  private var blocks = [UInt32](repeating: 0, count: 0x110000 >> 8)
  private var flags: [UInt16] = []
  /// Where blocks of equal flags begin, which several blocks share.
  private var shared: Set<UInt32> = []

  subscript(scalar: UInt32) -> Flags {
    Flags(rawValue: flags[Int(blocks[Int(scalar >> 8)] + scalar & 0xFF)])
  }

  private init() {
    let ranges = BertUnicodeTables.flags
    var range = 0
    var uniform: [UInt16: UInt32] = [:]
    for block in blocks.indices {
      let first = UInt32(block) << 8
      while range + 1 < ranges.count, ranges[range + 1] >> 8 <= first { range += 1 }
      let value = UInt16(ranges[range] & 0xFF)
      let isUniform = range + 1 == ranges.count || ranges[range + 1] >> 8 >= first + 256
      if isUniform, let known = uniform[value] {
        blocks[block] = known
        continue
      }
      blocks[block] = UInt32(flags.count)
      if isUniform {
        uniform[value] = blocks[block]
        shared.insert(blocks[block])
      }
      for scalar in first..<first + 256 {
        while range + 1 < ranges.count, ranges[range + 1] >> 8 <= scalar { range += 1 }
        flags.append(UInt16(ranges[range] & 0xFF))
      }
    }
    for entry in BertUnicodeTables.stripped { mark(UInt32(entry >> 32), .stripped) }
    for entry in stride(from: 0, to: BertUnicodeTables.strippedLonger.count, by: 4) {
      mark(BertUnicodeTables.strippedLonger[entry], .stripped)
    }
    for scalar: UInt32 in 0xAC00...0xD7A3 { mark(scalar, .stripped) }
    for entry in stride(from: 0, to: BertUnicodeTables.lowercase.count, by: 4) {
      let run = BertUnicodeTables.lowercase[entry..<entry + 3]
      for scalar in stride(from: run[entry], through: run[entry + 1], by: Int(run[entry + 2])) {
        mark(scalar, .uppercase)
      }
    }
    mark(0x130, .uppercase)
  }

  private mutating func mark(_ scalar: UInt32, _ flag: Flags) {
    let block = Int(scalar >> 8)
    if shared.contains(blocks[block]) {
      let start = Int(blocks[block])
      blocks[block] = UInt32(flags.count)
      flags.append(contentsOf: flags[start..<start + 256])
    }
    flags[Int(blocks[block] + scalar & 0xFF)] |= flag.rawValue
  }

  /// The scalars of the canonical decomposition that are no marks. Only for scalars with flag `.stripped`.
  static func stripped(_ scalar: UInt32) -> (UInt32, UInt32, UInt32) {
    // Hangul syllables decompose by arithmetic: The Unicode Standard, section 3.12.
    if (0xAC00...0xD7A3) ~= scalar {
      let index = scalar - 0xAC00
      let final = index % 28
      return (0x1100 + index / 588, 0x1161 + index % 588 / 28, final == 0 ? 0 : 0x11A7 + final)
    }
    let table = BertUnicodeTables.stripped
    let place = table.partition { UInt32($0 >> 32) < scalar }
    if place < table.count, UInt32(table[place] >> 32) == scalar {
      return (UInt32(truncatingIfNeeded: table[place]), 0, 0)
    }
    let longer = BertUnicodeTables.strippedLonger
    for entry in stride(from: 0, to: longer.count, by: 4) where longer[entry] == scalar {
      return (longer[entry + 1], longer[entry + 2], longer[entry + 3])
    }
    return (scalar, 0, 0)
  }

  /// The lower case of a scalar, which for U+0130 is two scalars. Only for scalars with flag `.uppercase`.
  static func lowercase(_ scalar: UInt32) -> (UInt32, UInt32) {
    if scalar == 0x130 { return (0x69, 0x307) }
    let table = BertUnicodeTables.lowercase
    var low = 0
    var high = table.count / 4
    while low < high {
      let middle = (low + high) / 2
      if table[middle * 4 + 1] < scalar { low = middle + 1 } else { high = middle }
    }
    return (scalar &+ table[low * 4 + 3], 0)
  }
}

extension Array {
  /// The first index whose element is not `before`; all elements that are come first.
  fileprivate func partition(_ before: (Element) -> Bool) -> Int {
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      if before(self[middle]) { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
