import LibC

/// A lock for work of nanoseconds that many threads do often.
///
/// `Mutex` hands itself over to the thread that has waited longest, where the system is Linux: with more threads than
/// processors everybody then waits until that one thread is run again, at each turn. This lock goes to whoever comes.
final class Lock<State>: @unchecked Sendable {
  /// How often a thread looks again before it sleeps; what others do meanwhile takes less time than waking up.
  private static var patience: Int { 64 }

  // In memory of their own: a lock must not move, and the lock alone guards the state.
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let state: UnsafeMutablePointer<State>

  init(_ state: sending State) {
    self.state = .allocate(capacity: 1)
    self.state.initialize(to: state)
    mutex = .allocate(capacity: 1)
    mutex.initialize(to: pthread_mutex_t())
    pthread_mutex_init(mutex, nil)
  }

  deinit {
    pthread_mutex_destroy(mutex)
    mutex.deallocate()
    state.deinitialize(count: 1)
    state.deallocate()
  }

  @inline(__always)
  func withLock<R>(_ body: (inout State) -> R) -> R {
    lock()
    defer { pthread_mutex_unlock(mutex) }
    return body(&state.pointee)
  }

  @inline(__always)
  private func lock() {
    for _ in 0..<Self.patience where pthread_mutex_trylock(mutex) == 0 { return }
    pthread_mutex_lock(mutex)
  }
}
