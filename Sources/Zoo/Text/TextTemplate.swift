/// How special tokens stand around one text, or around two.
struct TextTemplate: Sendable, Equatable {
  struct Part: Sendable, Equatable {
    /// 0 or 1 for the first or second text, `nil` for a special token.
    var text: Int?
    var id: Int32 = 0
    var typeID: Int32
  }

  var single: [Part]
  var pair: [Part]

  /// No special tokens.
  static let plain = TextTemplate(
    single: [Part(text: 0, typeID: 0)], pair: [Part(text: 0, typeID: 0), Part(text: 1, typeID: 0)])

  /// `[CLS] A [SEP]` and `[CLS] A [SEP] B [SEP]`.
  static func bert(start: Int32, end: Int32) -> TextTemplate {
    let first = [
      Part(id: start, typeID: 0), Part(text: 0, typeID: 0), Part(id: end, typeID: 0),
    ]
    return TextTemplate(
      single: first, pair: first + [Part(text: 1, typeID: 1), Part(id: end, typeID: 1)])
  }

  static func fill(_ parts: [Part], _ texts: [[Int32]]) -> TextEncoding {
    var encoding = TextEncoding(ids: [], typeIDs: [], attentionMask: [])
    for part in parts {
      let ids = part.text.map { texts[$0] } ?? [part.id]
      encoding.ids += ids
      encoding.typeIDs += repeatElement(part.typeID, count: ids.count)
    }
    encoding.attentionMask = [Int32](repeating: 1, count: encoding.ids.count)
    return encoding
  }
}
