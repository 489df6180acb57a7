import LibC
import Synchronization

/// Runs of a session that some threads make again and again at the same time.
struct Callers {
  /// Of the runs that ended after everybody's first one and before the measurement was over: while fewer callers are
  /// there, each run is faster.
  let latencies: LatencyHistogram
  /// In which these runs ended.
  let nanoseconds: UInt64

  /// What the callers share. No locks: threads that wait for one another would be measured with the session.
  private final class Course: Sendable {
    let count: Int
    let deadline: UInt64
    let arrived = Atomic(0)
    let busy: Atomic<Int>
    /// When everybody had made a run; 0 until then.
    let opening = Atomic<UInt64>(0)
    let closing = Atomic<UInt64>(.max)
    let hasFailed = Atomic(false)
    let failure = Mutex<ModelError?>(nil)
    let latencies = Mutex(LatencyHistogram())

    init(_ count: Int, seconds: Double) {
      self.count = count
      busy = Atomic(count)
      deadline = Clock.nanoseconds() + UInt64(seconds * 1e9)
    }

    func fail(_ error: ModelError) {
      failure.withLock { $0 = error }
      hasFailed.store(true, ordering: .relaxed)
    }

    /// One caller's runs.
    func work(_ body: () throws(ModelError) -> Void) {
      var own = LatencyHistogram()
      var (isFirst, isDone) = (true, false)
      while busy.load(ordering: .relaxed) > 0 {
        let start = Clock.nanoseconds()
        do throws(ModelError) { try body() } catch { fail(error) }
        let end = Clock.nanoseconds()
        if isFirst, arrived.add(1, ordering: .relaxed).newValue == count {
          opening.store(end, ordering: .relaxed)
        }
        isFirst = false
        let opened = opening.load(ordering: .relaxed)
        if opened > 0, end > opened, end <= closing.load(ordering: .relaxed) {
          own.add(end - start)
        }
        let isEnough = end >= deadline && own.count >= 3
        guard !isDone, isEnough || hasFailed.load(ordering: .relaxed) else { continue }
        isDone = true
        if busy.subtract(1, ordering: .relaxed).newValue == 0 {
          closing.store(end, ordering: .relaxed)
        }
      }
      latencies.withLock { $0.add(own) }
    }
  }

  /// - Parameters:
  ///   - count: How many callers; one of them is this thread.
  ///   - seconds: For how long, a few runs of each at least. Nobody stops before everybody has come so far.
  ///   - body: One run.
  init(
    _ count: Int, seconds: Double, _ body: @Sendable @escaping () throws(ModelError) -> Void
  ) throws(ModelError) {
    let course = Course(max(count, 1), seconds: seconds)
    let others = (1..<course.count).compactMap { _ in
      let thread = Self.start { course.work(body) }
      if thread == nil {
        course.fail(ModelError(.limitExceeded, "no threads for \(count) callers"))
        course.busy.subtract(1, ordering: .relaxed)
      }
      return thread
    }
    course.work(body)
    for thread in others { pthread_join(thread, nil) }
    if let error = course.failure.withLock({ $0 }) { throw error }
    latencies = course.latencies.withLock { $0 }
    nanoseconds =
      course.closing.load(ordering: .relaxed) - course.opening.load(ordering: .relaxed)
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
