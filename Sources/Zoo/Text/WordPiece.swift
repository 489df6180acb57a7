import ModelFormat

/// Cuts words into the longest pieces that a vocabulary has, from the front (Schuster and Nakajima, "Japanese and
/// Korean voice search", 2012, as BERT uses it).
struct WordPiece: Sendable {
  let vocabulary: Vocabulary
  let unknown: Int32
  /// What pieces begin with that do not begin a word: `##`.
  let continuation: [UInt8]
  /// A word of more scalars is unknown as a whole.
  let longestWord: Int

  private let continuationHash: UInt64

  /// - Throws: `.malformed` if the vocabulary has no token `unknown`.
  init(
    vocabulary: Vocabulary, unknown: String = "[UNK]", continuation: String = "##",
    longestWord: Int = 100
  ) throws(ModelError) {
    guard let id = vocabulary.id(unknown) else {
      throw ModelError(
        .malformed, "a vocabulary without the token '\(unknown)' for unknown words",
        expected: "that token among the \(vocabulary.count) tokens")
    }
    self.vocabulary = vocabulary
    self.unknown = id
    self.continuation = Array(continuation.utf8)
    self.longestWord = longestWord
    continuationHash = vocabulary.hash(self.continuation)
  }

  /// Appends the ids of the pieces of `word`, or the unknown token if it cannot be cut.
  ///
  /// - Complexity: O(pieces · longest token) for each word.
  func append(_ word: ArraySlice<UInt8>, to ids: inout [Int32], _ hashes: inout [UInt64]) {
    let scalars = word.count { $0 & 0xC0 != 0x80 }
    let before = ids.count
    var start = word.startIndex
    while start < word.endIndex {
      let isFirst = start == word.startIndex
      guard scalars <= longestWord,
        let (end, id) = longestPiece(word[start...], isFirst: isFirst, &hashes)
      else {
        ids.removeSubrange(before...)
        ids.append(unknown)
        return
      }
      ids.append(id)
      start = end
    }
  }

  private func longestPiece(
    _ rest: ArraySlice<UInt8>, isFirst: Bool, _ hashes: inout [UInt64]
  ) -> (end: Int, id: Int32)? {
    let head = isFirst ? [] : continuation
    hashes.removeAll(keepingCapacity: true)
    var hash = isFirst ? vocabulary.emptyHash : continuationHash
    for byte in rest.prefix(max(0, vocabulary.longestToken - head.count)) {
      hash = Vocabulary.extend(hash, byte)
      hashes.append(hash)
    }
    for length in stride(from: hashes.count, to: 0, by: -1) {
      let end = rest.startIndex + length
      if end < rest.endIndex, rest[end] & 0xC0 == 0x80 { continue }
      if let id = vocabulary.id(head, rest[rest.startIndex..<end], hash: hashes[length - 1]) {
        return (end, id)
      }
    }
    return nil
  }
}
