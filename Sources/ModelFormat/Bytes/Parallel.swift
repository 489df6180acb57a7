import CKernels
import Synchronization

/// Calls `body` on ranges that together cover `0 ..< count`, from the threads of the process's pool.
///
/// - Parameter grain: The fewest items worth handing to another thread.
/// - Throws: Of what `body` threw, the error of the first range.
package func inParallel(
  _ count: Int, grain: Int = 1, _ body: @Sendable (Range<Int>) throws(ModelError) -> Void
) throws(ModelError) {
  let failure = Mutex<(start: Int, error: ModelError)?>(nil)
  let work: @Sendable (Range<Int>) -> Void = { range in
    do throws(ModelError) {
      try body(range)
    } catch {
      failure.withLock { first in
        if range.lowerBound < first?.start ?? .max { first = (range.lowerBound, error) }
      }
    }
  }
  withoutActuallyEscaping(work) { work in
    withUnsafePointer(to: work) { work in
      zoo_parallel_for(
        Int64(count), Int64(max(grain, 1)), 0,
        { context, begin, end in
          let work = context!.assumingMemoryBound(to: (@Sendable (Range<Int>) -> Void).self)
          work.pointee(Int(begin)..<Int(end))
        }, UnsafeMutableRawPointer(mutating: work))
    }
  }
  if let failure = failure.withLock({ $0 }) { throw failure.error }
}
