import CKernels
import Dispatch
import Testing

@Suite struct ThreadTests {
  /// Adds one to each byte of its range, from whatever thread.
  static let increment: zoo_range_body = { context, begin, end in
    let bytes = context!.assumingMemoryBound(to: UInt8.self)
    for i in Int(begin)..<Int(end) { bytes[i] &+= 1 }
  }

  @Test(arguments: [0, 1, 2, 7, 1000, 65537])
  func everyItemIsVisitedOnce(_ count: Int) {
    for grain in [1, 3, 5000] {
      var bytes = [UInt8](repeating: 0, count: count)
      bytes.withUnsafeMutableBytes {
        zoo_parallel_for(Int64(count), Int64(grain), 0, Self.increment, $0.baseAddress)
      }
      #expect(bytes.allSatisfy { $0 == 1 })
    }
  }

  @Test func manyCallersShareThePool() {
    DispatchQueue.concurrentPerform(iterations: 64) { i in
      for _ in 0..<50 {
        var bytes = [UInt8](repeating: 0, count: 100 + i)
        bytes.withUnsafeMutableBytes {
          zoo_parallel_for(Int64($0.count), 1, 0, Self.increment, $0.baseAddress)
        }
        #expect(bytes.allSatisfy { $0 == 1 })
      }
    }
  }

  @Test func nestedCallsRunInline() {
    var bytes = [UInt8](repeating: 0, count: 64 * 64)
    bytes.withUnsafeMutableBytes {
      zoo_parallel_for(
        64, 1, 0,
        { context, begin, end in
          for i in begin..<end {
            zoo_parallel_for(64, 1, 0, ThreadTests.increment, context! + Int(i) * 64)
          }
        }, $0.baseAddress)
    }
    #expect(bytes.allSatisfy { $0 == 1 })
  }

  @Test func thereIsAtLeastOneThread() {
    #expect(zoo_threads_available() >= 1)
  }
}
