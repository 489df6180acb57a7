import ModelFormat

/// Tokens and their ids, looked up by UTF-8 bytes. The hash runs over the bytes from the front, so the hashes of all
/// prefixes of a word cost one pass over it.
struct Vocabulary: Sendable {
  /// The longest token, in bytes.
  private(set) var longestToken = 0
  private(set) var count = 0
  private var text: [UInt8] = []
  private var entries: [Entry] = []
  /// Indices into `entries` plus 1; 0 is free.
  private var slots: [UInt32]
  /// Differs from process to process, so that no file can be made whose tokens all collide.
  private let seed = UInt64.random(in: .min ... .max)

  private struct Entry {
    var start: Int
    var length: Int
    var hash: UInt64
    var id: Int32
  }

  init(capacity: Int) {
    var size = 16
    while size < capacity * 2 { size *= 2 }
    slots = [UInt32](repeating: 0, count: size)
    entries.reserveCapacity(capacity)
  }

  var emptyHash: UInt64 { seed }

  static func extend(_ hash: UInt64, _ byte: UInt8) -> UInt64 {
    // The step of FNV-1a, 64 bits.
    (hash ^ UInt64(byte)) &* 0x100_0000_01B3
  }

  func hash(_ bytes: some Sequence<UInt8>) -> UInt64 { bytes.reduce(seed, Self.extend) }

  /// The id of the token whose bytes are `head` and then `tail`.
  func id(
    _ head: [UInt8], _ tail: ArraySlice<UInt8>, hash: UInt64
  ) -> Int32? {
    var slot = place(hash)
    let length = head.count + tail.count
    while slots[slot] != 0 {
      let entry = entries[Int(slots[slot]) - 1]
      if entry.hash == hash, entry.length == length {
        let middle = entry.start + head.count
        if text[entry.start..<middle].elementsEqual(head),
          text[middle..<entry.start + length].elementsEqual(tail)
        {
          return entry.id
        }
      }
      slot = (slot + 1) & (slots.count - 1)
    }
    return nil
  }

  func id(_ token: String) -> Int32? {
    let bytes = Array(token.utf8)
    return id([], bytes[...], hash: hash(bytes))
  }

  /// Adds a token; one that is there already gets the new id.
  mutating func insert(_ token: some Collection<UInt8>, id: Int32) {
    let bytes = Array(token)
    let hash = hash(bytes)
    var slot = place(hash)
    while slots[slot] != 0 {
      let index = Int(slots[slot]) - 1
      let entry = entries[index]
      if entry.hash == hash,
        text[entry.start..<entry.start + entry.length].elementsEqual(bytes)
      {
        entries[index].id = id
        return
      }
      slot = (slot + 1) & (slots.count - 1)
    }
    entries.append(Entry(start: text.count, length: bytes.count, hash: hash, id: id))
    text.append(contentsOf: bytes)
    slots[slot] = UInt32(entries.count)
    count += 1
    longestToken = max(longestToken, bytes.count)
    if entries.count * 2 > slots.count { grow() }
  }

  private func place(_ hash: UInt64) -> Int {
    // The low bits of FNV mix worst; fold the high ones in.
    Int(truncatingIfNeeded: hash ^ (hash >> 29)) & (slots.count - 1)
  }

  private mutating func grow() {
    slots = [UInt32](repeating: 0, count: slots.count * 2)
    for (index, entry) in entries.enumerated() {
      var slot = place(entry.hash)
      while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
      slots[slot] = UInt32(index + 1)
    }
  }

  /// Ids with their tokens, for turning ids back into text.
  var tokens: [(token: String, id: Int32)] {
    entries.map { entry in
      let bytes = text[entry.start..<entry.start + entry.length]
      return (String(decoding: bytes, as: UTF8.self), entry.id)
    }
  }
}
