/// A resize that only picks elements, of any type: each run of elements behind the last resized axis is copied as it is.
struct NearestResize: Sendable {
  /// For each axis up to the last one that is resized, where its positions lie in the input, in runs.
  private let offsets: [[Int]]
  /// Bytes of a run.
  private let run: Int
  /// Runs before each line of the last axis.
  private let lines: Int

  /// - Parameter axes: Those that are resized, with one tap each and nothing outside of the input.
  init(_ axes: [ResizeAxis], _ shape: [Int], _ elementBytes: Int) {
    let last = axes.map(\.axis).max() ?? 0
    run = shape[(last + 1)...].reduce(1, *) * elementBytes
    var offsets: [[Int]] = []
    var stride = 1
    for axis in (0...last).reversed() {
      let resized = axes.first { $0.axis == axis }
      let positions = resized?.positions.map(Int.init) ?? Array(0..<shape[axis])
      offsets.insert(positions.map { [stride] in $0 * stride }, at: 0)
      stride *= shape[axis]
    }
    self.offsets = offsets
    lines = offsets.dropLast().reduce(1) { $0 * $1.count }
  }

  var kernel: Kernel {
    Kernel("resize_nearest") { context in
      let columns = offsets[offsets.count - 1]
      let (x, y) = (context.inputBytes(0), context.outputBytes())
      let lineBytes = columns.count * run
      nonisolated(unsafe) let (from, to) = (x, y)
      context.parallel(lines, grain: max(1, (1 << 15) / max(1, lineBytes))) { range in
        for line in range {
          copy(columns, from + start(of: line) * run, to + line * lineBytes)
        }
      }
    }
  }

  /// The first run of the input that line `line` of the output reads.
  private func start(of line: Int) -> Int {
    var (rest, start) = (line, 0)
    for positions in offsets.dropLast().reversed() {
      start += positions[rest % positions.count]
      rest /= positions.count
    }
    return start
  }

  private func copy(
    _ columns: [Int], _ from: UnsafeRawPointer, _ to: UnsafeMutableRawPointer
  ) {
    func move<T>(_ type: T.Type) {
      let (x, y) = (from.assumingMemoryBound(to: T.self), to.assumingMemoryBound(to: T.self))
      for (i, column) in columns.enumerated() { y[i] = x[column] }
    }
    switch run {
    case 1: move(UInt8.self)
    case 2: move(UInt16.self)
    case 4: move(UInt32.self)
    case 8: move(UInt64.self)
    default:
      for (i, column) in columns.enumerated() {
        (to + i * run).copyMemory(from: from + column * run, byteCount: run)
      }
    }
  }
}
