import ModelFormat
import Testing
import ZooRuntime

@Suite struct ArenaLayoutTests {
  @Test(arguments: [[Int.max], [1 << 62, 1 << 62], [Int.max - 64, 1], [64, -64]])
  func refusesWhatCannotBeCounted(sizes: [Int]) {
    let error = #expect(throws: ModelError.self) {
      try ArenaLayout.place(sizes.map { .init(bytes: $0, first: 0, last: 1) })
    }
    #expect(error?.code == .limitExceeded)
    #expect(
      error?.description.hasSuffix(
        " for values and working memory; expected at most 9223372036854775807 in all") == true)
  }

  @Test func blocksOfOtherTimesShareTheirPlace() throws {
    let (offsets, bytes) = try ArenaLayout.place([
      .init(bytes: 100, first: 0, last: 1), .init(bytes: 1, first: 1, last: 2),
      .init(bytes: 128, first: 2, last: 3),
    ])
    #expect(offsets == [0, 128, 0])
    #expect(bytes == 192)
  }
}
