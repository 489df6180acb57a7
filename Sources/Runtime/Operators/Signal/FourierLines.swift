/// Many lines of numbers, each transformed by itself.
struct FourierLines<T: FloatElement>: Sendable {
  typealias Line = UnsafeMutablePointer<FourierNumber<T>>

  let plan: FourierPlan<T>
  let count: Int
  /// Lines without imaginary parts are transformed two at a time.
  let isReal: Bool
  let isInverse: Bool
  private let workers: Int

  init(
    _ length: Int, count: Int, isReal: Bool, isInverse: Bool = false, threads: Int
  ) throws(ModelError) {
    plan = try FourierPlan<T>(length)
    self.count = count
    self.isReal = isReal
    self.isInverse = isInverse
    let cost = max(1, length * (Int.bitWidth - length.leadingZeroBitCount))
    workers = max(1, min(threads, count * cost / 8192))
  }

  private var perWorker: Int { 2 * plan.length + plan.scratchCount }
  var scratchBytes: Int { workers * perWorker * MemoryLayout<FourierNumber<T>>.stride }

  /// - Parameters:
  ///   - load: Writes line `index`; of a real line, whose imaginary parts may hold another line, the real parts only
  ///     if the last parameter is false, else the imaginary parts only.
  ///   - store: Takes the transform of line `index`.
  func run(
    _ context: borrowing KernelContext, load: (_ index: Int, Line, _ asImaginary: Bool) -> Void,
    store: (_ index: Int, UnsafePointer<FourierNumber<T>>) -> Void
  ) {
    let step = isReal ? 2 : 1
    let items = (count + step - 1) / step
    let memory = context.scratch.assumingMemoryBound(to: FourierNumber<T>.self)
    context.parallel(workers, grain: 1) { range in
      for worker in range {
        let line = memory + worker * perWorker
        for item in items * worker / workers..<items * (worker + 1) / workers {
          transform(item * step, line, load, store)
        }
      }
    }
  }

  private func transform(
    _ index: Int, _ line: Line, _ load: (Int, Line, Bool) -> Void,
    _ store: (Int, UnsafePointer<FourierNumber<T>>) -> Void
  ) {
    let length = plan.length
    let other = line + length
    let isPair = isReal && index + 1 < count
    if isReal, !isPair { for k in 0..<length { line[k].imaginary = 0 } }
    load(index, line, false)
    if isPair { load(index + 1, line, true) }
    if isInverse { for k in 0..<length { line[k] = line[k].conjugate } }
    plan.transform(line, line + 2 * length)
    if isInverse {
      let scale = 1 / T(length)
      for k in 0..<length { line[k] = line[k].conjugate.scaled(scale) }
    }
    guard isPair else { return store(index, line) }
    // Of a real line, X[−k] is the conjugate of X[k]; that tells the two apart.
    for k in 0...length / 2 {
      let mirror = k == 0 ? 0 : length - k
      let (a, b) = (line[k], line[mirror])
      other[k] = (a - b.conjugate).timesMinusI.scaled(0.5)
      other[mirror] = (b - a.conjugate).timesMinusI.scaled(0.5)
      line[k] = (a + b.conjugate).scaled(0.5)
      line[mirror] = (b + a.conjugate).scaled(0.5)
    }
    store(index, line)
    store(index + 1, other)
  }
}
