import Synchronization

/// Where the time of a session's runs goes, node by node.
public final class RunProfile: RunObserver, Sendable {
  public struct Row: Sendable, Encodable {
    public let node: String
    public let operatorType: String
    public let kernel: String
    public let calls: Int
    public let totalMilliseconds: Double
  }

  private struct Key: Hashable {
    let node: String
    let kernel: String
  }

  private struct Sum {
    let operatorType: String
    var calls = 0
    var nanoseconds: UInt64 = 0
  }

  private let sums = Mutex<[Key: Sum]>([:])

  public init() {}

  func finished(_ step: Plan.Step, of plan: Plan, nanoseconds: UInt64) {
    let source = plan.program.steps[step.program]
    let key = Key(node: source.site, kernel: step.kernelName)
    sums.withLock {
      $0[key, default: Sum(operatorType: source.opType)].calls += 1
      $0[key]?.nanoseconds += nanoseconds
    }
  }

  /// The nodes, the most expensive first. The time of a node with subgraphs includes its nodes'.
  public var rows: [Row] {
    sums.withLock { sums in
      sums.map { key, sum in
        Row(
          node: key.node, operatorType: sum.operatorType, kernel: key.kernel, calls: sum.calls,
          totalMilliseconds: Double(sum.nanoseconds) / 1e6)
      }
    }
    .sorted { ($1.totalMilliseconds, $0.node) < ($0.totalMilliseconds, $1.node) }
  }
}

extension Session {
  /// Runs the model once and adds the time of each node to `profile`.
  public func run(
    values: [String: Value], profile: RunProfile
  ) throws(ModelError) -> [String: Value] {
    named(try run(values, observer: profile))
  }
}
