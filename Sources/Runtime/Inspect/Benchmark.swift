import CKernels
import LibC

/// How fast a session runs here. Times are in milliseconds.
public struct Benchmark: Sendable, Encodable {
  public struct Latency: Sendable, Encodable {
    public let min: Double
    public let p50: Double
    public let p90: Double
    public let p99: Double
  }

  public let latency: Latency
  public let runs: Int
  public let runsPerSecond: Double
  /// Threads that call the session at the same time.
  public let callers: Int
  /// The most threads that one run uses.
  public let threads: Int
  public let isa: String
  public let loadMilliseconds: Double
  /// The first run's, which plans.
  public let firstRunMilliseconds: Double
  public let peakMemoryBytes: Int

  private enum CodingKeys: String, CodingKey {
    case latency = "latency_ms"
    case runs
    case runsPerSecond = "runs_per_second"
    case callers
    case threads
    case isa
    case loadMilliseconds = "load_ms"
    case firstRunMilliseconds = "first_run_ms"
    case peakMemoryBytes = "peak_rss_bytes"
  }

  /// Runs a session again and again for some time, after a few runs that are not counted.
  ///
  /// - Parameters:
  ///   - session: What to measure.
  ///   - inputs: The same for each run.
  ///   - callers: How many threads call the session at the same time.
  ///   - seconds: How long to measure; each caller makes three runs at least.
  ///   - load: How long it took to make the session, for the report.
  public static func measure(
    _ session: Session, _ inputs: [String: Value], callers: Int = 1, seconds: Double,
    load: Duration
  ) throws(ModelError) -> Benchmark {
    let start = Clock.nanoseconds()
    _ = try session.run(values: inputs)
    let first = Clock.nanoseconds() - start
    for _ in 0..<2 { _ = try session.run(values: inputs) }
    let measured = try Callers(callers, seconds: seconds) { () throws(ModelError) in
      _ = try session.run(values: inputs)
    }
    let latencies = measured.latencies
    func percentile(_ share: Double) -> Double { latencies.percentile(share) / 1e6 }
    return Benchmark(
      latency: Latency(
        min: Double(latencies.least) / 1e6, p50: percentile(0.5), p90: percentile(0.9),
        p99: percentile(0.99)),
      runs: latencies.count,
      runsPerSecond: Double(latencies.count) * 1e9 / Double(measured.nanoseconds),
      callers: callers, threads: session.threads,
      isa: String(cString: zoo_isa_name(zoo_cpu_isa())),
      loadMilliseconds: load / .milliseconds(1), firstRunMilliseconds: Double(first) / 1e6,
      peakMemoryBytes: peakMemory())
  }

  /// The time of each node over some runs.
  public static func profile(
    _ session: Session, _ inputs: [String: Value], runs: Int
  ) throws(ModelError) -> [RunProfile.Row] {
    let profile = RunProfile()
    for _ in 0..<runs { _ = try session.run(values: inputs, profile: profile) }
    return profile.rows
  }

  /// The most memory that the process had resident, in bytes.
  private static func peakMemory() -> Int {
    #if os(Linux)
      // getrusage starts from what the parent held when it forked; the kernel's own mark does not.
      if let bytes = highWaterMark() { return bytes }
    #endif
    var usage = rusage()
    #if canImport(Darwin)
      getrusage(RUSAGE_SELF, &usage)
      return usage.ru_maxrss
    #else
      getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
      return usage.ru_maxrss * 1024
    #endif
  }

  #if os(Linux)
    private static func highWaterMark() -> Int? {
      guard let file = fopen("/proc/self/status", "r") else { return nil }
      defer { fclose(file) }
      var bytes = [UInt8](repeating: 0, count: 8192)
      let count = fread(&bytes, 1, bytes.count, file)
      let lines = String(decoding: bytes[..<count], as: UTF8.self).split(separator: "\n")
      guard let line = lines.first(where: { $0.hasPrefix("VmHWM:") }) else { return nil }
      let kilobytes = line.split(whereSeparator: { !$0.isNumber }).first.flatMap { Int($0) }
      return kilobytes.map { $0 * 1024 }
    }
  #endif
}

extension Session {
  /// Inputs of the model's types that are the same each time: zeros and ones for integers and truth values, small
  /// numbers for floats.
  ///
  /// - Parameters:
  ///   - extents: Values for the symbols of the input types (`batch`) or for axes of inputs (`x.0`); 1 for all others.
  ///   - given: Inputs that need no sample.
  /// - Throws: `.invalidRequest` for an input that is no tensor or an extent that no input has; `.limitExceeded` for more
  ///   bytes than there is memory.
  public func sampleInputs(
    extents: [String: Int] = [:], except given: Set<String> = []
  ) throws(ModelError) -> [String: Value] {
    try model.requireOpenExtents(extents)
    let extents = InputExtents(numbers: extents)
    var values: [String: Value] = [:]
    for input in inputs where input.isRequired && !given.contains(input.name) {
      guard case .tensor(let type)? = input.type.map({ extents.bind($0, of: input.name) }),
        let shape = type.shape?.extents
      else {
        throw ModelError(
          .invalidRequest, "input '\(input.name)' is no tensor", remedy: "give it a value")
      }
      values[input.name] = .tensor(try Self.sample(type.element, shape))
    }
    return values
  }

  private static func sample(_ element: ElementType, _ shape: [Int]) throws(ModelError) -> Tensor {
    switch element {
    case .f32: try filled(shape) { Float($0 % 17) / 17 - 0.5 }
    case .f64: try filled(shape) { Double($0 % 17) / 17 - 0.5 }
    case .f16: try filled(shape) { Float16($0 % 17) / 17 - 0.5 }
    case .i64: try filled(shape) { _ in Int64(1) }
    case .i32: try filled(shape) { _ in Int32(1) }
    default: try Tensor.zeros(element, shape: shape)
    }
  }

  private static func filled<T: TensorElement>(
    _ shape: [Int], _ value: (Int) -> T
  ) throws(ModelError) -> Tensor {
    try Tensor(T.elementType, shape: shape) { bytes in
      let stride = MemoryLayout<T>.stride
      for index in 0..<bytes.count / stride {
        bytes.storeBytes(of: value(index), toByteOffset: index * stride, as: T.self)
      }
    }
  }
}
