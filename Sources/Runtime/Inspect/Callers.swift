import LibC
import Synchronization

/// Runs of a session that some threads make again and again at the same time.
struct Callers {
  struct Run {
    let end: UInt64
    let nanoseconds: UInt64
  }

  /// The runs of each caller, in order.
  private let runs: [[Run]]

  /// - Parameters:
  ///   - count: How many callers; one of them is this thread.
  ///   - seconds: For how long, three runs of each at least. Nobody stops before everybody has come so far.
  ///   - body: One run.
  init(
    _ count: Int, seconds: Double, _ body: @Sendable @escaping () throws(ModelError) -> Void
  ) throws(ModelError) {
    let tracks = Mutex<[[Run]]>([])
    let failure = Mutex<ModelError?>(nil)
    let busy = Atomic(count)
    let deadline = Clock.nanoseconds() + UInt64(seconds * 1e9)
    let work: @Sendable () -> Void = {
      var runs: [Run] = []
      var isDone = false
      while busy.load(ordering: .relaxed) > 0 {
        let start = Clock.nanoseconds()
        do throws(ModelError) { try body() } catch { failure.withLock { $0 = error } }
        let end = Clock.nanoseconds()
        runs.append(Run(end: end, nanoseconds: end - start))
        let hasFailed = failure.withLock { $0 != nil }
        guard !isDone, hasFailed || (end >= deadline && runs.count >= 3) else { continue }
        isDone = true
        busy.subtract(1, ordering: .relaxed)
      }
      tracks.withLock { $0.append(runs) }
    }
    let others = (1..<max(count, 1)).compactMap { _ in
      let thread = Self.start(work)
      if thread == nil {
        failure.withLock { $0 = ModelError(.limitExceeded, "no threads for \(count) callers") }
        busy.subtract(1, ordering: .relaxed)
      }
      return thread
    }
    work()
    for thread in others { pthread_join(thread, nil) }
    if let error = failure.withLock({ $0 }) { throw error }
    runs = tracks.withLock { $0 }
  }

  /// The runs that ended after everybody's first and not after anybody's last, and the time between these two: while
  /// fewer callers are there, each run is faster.
  var together: (runs: [Run], nanoseconds: UInt64) {
    let start = runs.compactMap(\.first?.end).max() ?? 0
    let end = max(runs.compactMap(\.last?.end).min() ?? 0, start)
    return (runs.joined().filter { $0.end > start && $0.end <= end }, end - start)
  }

  private final class Work: Sendable {
    let body: @Sendable () -> Void

    init(_ body: @Sendable @escaping () -> Void) { self.body = body }
  }

  /// - Returns: `nil` if the system has no thread.
  private static func start(_ body: @Sendable @escaping () -> Void) -> pthread_t? {
    let work = Unmanaged.passRetained(Work(body))
    #if canImport(Darwin)
      var thread: pthread_t?
    #else
      var thread = pthread_t()
    #endif
    let code = pthread_create(
      &thread, nil,
      { argument in
        // Not optional everywhere.
        let argument: UnsafeMutableRawPointer? = argument
        if let argument { Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().body() }
        return nil
      }, work.toOpaque())
    if code == 0 { return thread }
    work.release()
    return nil
  }
}
