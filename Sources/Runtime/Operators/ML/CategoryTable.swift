/// Where a category stands in a list: by string, by integer or by number.
struct CategoryTable: Sendable {
  private let strings: [String: Int]
  private let integers: [Int: Int]
  private let numbers: [Double: Int]
  private let notANumber: Int?
  let elementType: ElementType
  let count: Int

  /// - Parameters:
  ///   - keys: Of any type.
  ///   - lastCounts: Which of equal keys counts, and whether NaN is a key like all others: `LabelEncoder` since
  ///     version 4.
  init(_ keys: Tensor, lastCounts: Bool = false) throws(ModelError) {
    elementType = keys.elementType
    count = keys.count
    var strings: [String: Int] = [:]
    var integers: [Int: Int] = [:]
    var numbers: [Double: Int] = [:]
    var notANumber: Int?
    if let names = keys.strings {
      for (place, name) in names.enumerated() where lastCounts || strings[name] == nil {
        strings[name] = place
      }
    } else if let whole = keys.wideIntegers {
      for (place, number) in whole.enumerated() where lastCounts || integers[number] == nil {
        integers[number] = place
      }
    } else if let values = keys.doubles {
      for (place, value) in values.enumerated() {
        if value.isNaN {
          notANumber = lastCounts ? place : nil
        } else if lastCounts || numbers[value] == nil {
          numbers[value] = place
        }
      }
    } else {
      throw ModelError(
        .elementTypeMismatch, "categories of \(elementType)", expected: "strings or numbers")
    }
    self.strings = strings
    self.integers = integers
    self.numbers = numbers
    self.notANumber = notANumber
  }

  /// The place of each element, `nil` for one that is no category.
  func places(_ x: Tensor) throws(ModelError) -> [Int?] {
    if let names = x.strings, elementType == .string { return names.map { strings[$0] } }
    if let whole = x.wideIntegers, !integers.isEmpty || elementType.isInteger {
      return whole.map { integers[$0] }
    }
    if let values = x.doubles, elementType != .string {
      if elementType.isInteger {
        return values.map { value in
          Int(exactly: value.rounded(.towardZero)).flatMap { integers[$0] }
        }
      }
      return values.map { $0.isNaN ? notANumber : numbers[$0] }
    }
    throw ModelError(
      .elementTypeMismatch, "a tensor of \(x.elementType)", expected: "\(elementType)")
  }
}
