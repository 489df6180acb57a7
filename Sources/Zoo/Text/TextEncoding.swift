/// A text as a model reads it: one entry per token in all three arrays.
public struct TextEncoding: Sendable, Equatable {
  /// Rows of the vocabulary.
  public var ids: [Int32]
  /// 0 for the first text of a pair, 1 for the second.
  public var typeIDs: [Int32]
  /// 1 for tokens, 0 for padding.
  public var attentionMask: [Int32]

  public init(ids: [Int32], typeIDs: [Int32], attentionMask: [Int32]) {
    self.ids = ids
    self.typeIDs = typeIDs
    self.attentionMask = attentionMask
  }

  /// Tokens that are no padding.
  public var tokenCount: Int { attentionMask.reduce(0) { $0 + Int($1) } }
}

/// Where texts that are too long are cut.
public struct TextTruncation: Sendable, Equatable {
  /// Tokens that are left, special ones included.
  public var length: Int
  /// Whether tokens go at the end (as usual) or at the start.
  public var keepsStart = true

  public init(length: Int, keepsStart: Bool = true) {
    self.length = length
    self.keepsStart = keepsStart
  }
}

/// How texts of one batch get equally many tokens.
public struct TextPadding: Sendable, Equatable {
  /// `nil` pads to the longest text of the batch.
  public var length: Int?
  public var multiple: Int?
  public var id: Int32 = 0
  public var typeID: Int32 = 0
  /// Whether padding comes behind the tokens (as usual) or before them.
  public var isAtEnd = true

  public init(length: Int? = nil) { self.length = length }

  /// Pads every encoding to the same length; those that are longer stay as they are.
  public func pad(_ encodings: inout [TextEncoding]) {
    var length = length ?? encodings.map(\.ids.count).max() ?? 0
    if let multiple, multiple > 0, length % multiple > 0 { length += multiple - length % multiple }
    for index in encodings.indices {
      let missing = length - encodings[index].ids.count
      if missing <= 0 { continue }
      insert(id, missing, &encodings[index].ids)
      insert(typeID, missing, &encodings[index].typeIDs)
      insert(0, missing, &encodings[index].attentionMask)
    }
  }

  private func insert(_ value: Int32, _ count: Int, _ array: inout [Int32]) {
    array.insert(
      contentsOf: repeatElement(value, count: count), at: isAtEnd ? array.count : 0)
  }
}
