/// Cleans text as BERT's tokenizer does: drops control characters, makes all white space one kind, sets Chinese
/// characters apart, strips accents, lowers case.
///
/// Equal to `BertNormalizer` of the `tokenizers` package on every scalar, including its mixture of Unicode versions
/// (`tools/make_bert_tables.py`).
public struct BertNormalizer: Sendable, Equatable, Codable {
  /// Drops NUL, U+FFFD and control, format and private-use characters; turns white space into spaces.
  public var cleansText = true
  /// Puts spaces around CJK ideographs.
  public var separatesChinese = true
  /// Decomposes and drops non-spacing marks.
  public var stripsAccents = true
  public var lowercases = true

  public init(
    cleansText: Bool = true, separatesChinese: Bool = true, stripsAccents: Bool = true,
    lowercases: Bool = true
  ) {
    self.cleansText = cleansText
    self.separatesChinese = separatesChinese
    self.stripsAccents = stripsAccents
    self.lowercases = lowercases
  }

  /// The normalized form of `text`.
  public func normalize(_ text: String) -> String {
    String(decoding: normalize(Array(text.utf8)[...]), as: UTF8.self)
  }

  /// The same on UTF-8, which must be valid.
  func normalize(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
    var output = Output(self, capacity: bytes.count + bytes.count / 8)
    var position = bytes.startIndex
    while position < bytes.endIndex {
      let byte = bytes[position]
      if byte < 0x80 {
        position += 1
        output.appendASCII(byte)
      } else {
        output.append(UTF8Scalar.decode(bytes, &position))
      }
    }
    output.endRun()
    return output.bytes
  }

  /// CJK unified ideographs and their compatibility forms, as BERT's tokenizer delimits them.
  static func isChinese(_ scalar: UInt32) -> Bool {
    switch scalar {
    case 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xF900...0xFAFF, 0x20000...0x2A6DF, 0x2A700...0x2B73F,
      0x2B740...0x2B81F, 0x2B920...0x2CEAF, 0x2F800...0x2FA1F:
      true
    default: false
    }
  }
}

extension BertNormalizer {
  /// The steps of the normalizer, in their order, scalar by scalar. Only the canonical order of combining characters
  /// looks at more than one: scalars of a run are kept until the run ends.
  private struct Output {
    let settings: BertNormalizer
    let characters = BertCharacters.shared
    var bytes: [UInt8] = []
    var run: [(scalar: UInt32, order: UInt16)] = []

    init(_ settings: BertNormalizer, capacity: Int) {
      self.settings = settings
      bytes.reserveCapacity(capacity)
    }

    mutating func appendASCII(_ byte: UInt8) {
      if !run.isEmpty { endRun() }
      if byte < 0x20 || byte == 0x7F, settings.cleansText {
        if byte == 0x09 || byte == 0x0A || byte == 0x0D { bytes.append(0x20) }
        return
      }
      let isUppercase = byte &- 0x41 < 26
      bytes.append(isUppercase && settings.lowercases ? byte | 0x20 : byte)
    }

    mutating func append(_ scalar: UInt32) {
      let flags = characters[scalar]
      if settings.cleansText, !flags.isDisjoint(with: [.dropped, .space]) {
        if !flags.contains(.dropped) { appendASCII(0x20) }
        return
      }
      if settings.separatesChinese, BertNormalizer.isChinese(scalar) {
        appendASCII(0x20)
        strip(scalar, flags)
        appendASCII(0x20)
      } else {
        strip(scalar, flags)
      }
    }

    private mutating func strip(_ scalar: UInt32, _ flags: Flags) {
      guard settings.stripsAccents else { return lower(scalar, flags) }
      guard flags.contains(.stripped) else { return order(scalar, flags) }
      let (first, second, third) = BertCharacters.stripped(scalar)
      for part in [first, second, third] where part != 0 { order(part, characters[part]) }
    }

    private mutating func order(_ scalar: UInt32, _ flags: Flags) {
      if flags.combiningOrder == 0 { endRun() }
      if flags.contains(.mark) { return }
      if flags.combiningOrder > 0 {
        run.append((scalar, flags.combiningOrder))
      } else {
        lower(scalar, flags)
      }
    }

    /// No scalar that combines has a case, so lowering may come before ordering.
    private mutating func lower(_ scalar: UInt32, _ flags: Flags) {
      guard settings.lowercases, flags.contains(.uppercase) else {
        return UTF8Scalar.encode(scalar, &bytes)
      }
      let (first, second) = BertCharacters.lowercase(scalar)
      UTF8Scalar.encode(first, &bytes)
      if second != 0 { UTF8Scalar.encode(second, &bytes) }
    }

    mutating func endRun() {
      if run.isEmpty { return }
      // A stable order: by class, then by place.
      let sorted = run.enumerated().sorted {
        ($0.element.order, $0.offset) < ($1.element.order, $1.offset)
      }
      for (_, entry) in sorted { UTF8Scalar.encode(entry.scalar, &bytes) }
      run.removeAll(keepingCapacity: true)
    }

    typealias Flags = BertCharacters.Flags
  }
}
