import Foundation
import Synchronization
import Testing
import ZooRuntime

/// Sessions that many threads and tasks use at once. `scripts/sanitize.sh` runs these under ThreadSanitizer.
@Suite struct SessionStressTests {
  /// y = tanh applied many times over values too large for one thread, so that the pool takes part.
  static func chain() throws -> Model {
    var model = Model()
    var last = model.addValue("x", type: .tensor(.f32, ["batch", 16]))
    var graph = Graph()
    graph.inputs = [last]
    for index in 0..<6 {
      let next = model.addValue("v\(index)")
      graph.nodes.append(Node(index % 2 == 0 ? "Exp" : "Tanh", inputs: [last], outputs: [next]))
      last = next
    }
    graph.outputs = [last]
    model.main = graph
    return model
  }

  /// y = table[i], which refuses indices out of range when it reaches them.
  private func gather() throws -> Model {
    var model = Model()
    let i = model.addValue("i", type: .tensor(.i64, ["n"]))
    let (table, row, y) = (model.addValue("table"), model.addValue("row"), model.addValue("y"))
    var graph = Graph()
    graph.inputs = [i]
    graph.outputs = [y]
    graph.weights[table] = Weight(try Tensor((0..<64).map(Float.init), shape: [64]))
    graph.nodes = [
      Node("Gather", inputs: [table, i], outputs: [row]),
      Node("Neg", inputs: [row], outputs: [y]),
    ]
    model.main = graph
    return model
  }

  /// y = a ? x + x : x · x, by subgraphs that the run chooses.
  private func choice() throws -> Model {
    var model = Model()
    let a = model.addValue("a", type: .tensor(.bool, []))
    let x = model.addValue("x", type: .tensor(.f32, ["n"]))
    let y = model.addValue("y")
    var bodies: [GraphID] = []
    for kind in ["Add", "Mul"] {
      let result = model.addValue("result\(kind)")
      var body = Graph()
      body.nodes = [Node(kind, inputs: [x, x], outputs: [result])]
      body.outputs = [result]
      bodies.append(model.addGraph(body))
    }
    var graph = Graph()
    graph.inputs = [a, x]
    graph.outputs = [y]
    graph.nodes = [
      Node(
        "If", inputs: [a], outputs: [y],
        attributes: [
          Attribute("then_branch", .graph(bodies[0])), Attribute("else_branch", .graph(bodies[1])),
        ])
    ]
    model.main = graph
    return model
  }

  /// Calls `body` from `count` threads at once.
  private func onThreads(_ count: Int, _ body: @Sendable @escaping (Int) throws -> Void) throws {
    let failures = Mutex<[String]>([])
    let group = DispatchGroup()
    for index in 0..<count {
      group.enter()
      Thread {
        do { try body(index) } catch { failures.withLock { $0.append("\(error)") } }
        group.leave()
      }.start()
    }
    group.wait()
    #expect(failures.withLock { $0 } == [])
  }

  @Test func oneSessionManyExtents() throws {
    var options = Session.Options()
    options.idleMemory = 100_000
    let session = try Session(Self.chain(), options: options)
    try onThreads(8) { caller in
      for turn in 0..<40 {
        let batch = 1 + (caller * 7 + turn * 3) % 45
        let x = try Tensor((0..<batch * 16).map { Float($0 % 5) / 4 }, shape: [batch, 16])
        let y = try session.run([x])[0]
        let alone = try session.run(["x": x])["v5"]
        guard y == alone, y.shape == [batch, 16] else {
          throw ModelError(.invalidRequest, "caller \(caller) got another's result")
        }
      }
    }
  }

  /// Large enough that the runs of all callers want the pool's threads.
  @Test func severalSessionsShareThePool() throws {
    let sessions = try (0..<3).map { _ in try Session(Self.chain()) }
    let x = try Tensor((0..<16 * 4096).map { Float($0 % 9) / 8 }, shape: [4096, 16])
    let want = try sessions[0].run([x])[0]
    try onThreads(6) { caller in
      for _ in 0..<6 where try sessions[caller % 3].run([x])[0] != want {
        throw ModelError(.invalidRequest, "caller \(caller) got another result")
      }
    }
  }

  @Test func errorsInTheMiddle() throws {
    let session = try Session(gather())
    try onThreads(8) { caller in
      for turn in 0..<50 {
        let index = Int64((caller + turn) % 80)
        let i = try Tensor([3, index, 5], shape: [3])
        do {
          let y = try session.run([i])[0].array(of: Float.self)
          guard y == [-3, -Float(index), -5], index < 64 else {
            throw ModelError(.invalidRequest, "index \(index) gave \(y)")
          }
        } catch let error as ModelError where error.code == .outOfRange && index >= 64 {
        }
      }
    }
  }

  @Test func branchesThatTheRunChooses() throws {
    let session = try Session(choice())
    try onThreads(8) { caller in
      for turn in 0..<40 {
        let x = try Tensor([Float](repeating: 3, count: 1 + turn % 4), shape: [1 + turn % 4])
        let adds = (caller + turn) % 2 == 0
        let y = try session.run([Tensor(scalar: adds), x])[0].array(of: Float.self)
        guard y == [Float](repeating: adds ? 6 : 9, count: x.count) else {
          throw ModelError(.invalidRequest, "\(adds) gave \(y)")
        }
      }
    }
  }

  /// A task that is cancelled gets its answer all the same.
  @Test func tasksAndCancellation() async throws {
    let session = try Session(SessionUseTests.model())
    try await withThrowingTaskGroup(of: Bool.self) { group in
      for index in 0..<64 {
        group.addTask {
          let batch = 1 + index % 5
          let y = try session.run(["x": SessionUseTests.input(batch: batch)])["y"]
          return try y?.array(of: Float.self) == SessionUseTests.expected(batch: batch)
        }
        if index == 20 { group.cancelAll() }
      }
      for try await isRight in group { #expect(isRight) }
    }
  }

  /// Memory goes while others run.
  @Test func releasesWhileOthersRun() throws {
    let session = try Session(SessionUseTests.model())
    try onThreads(4) { caller in
      for turn in 0..<60 {
        if caller == 0 {
          session.releaseIdleMemory()
          try session.prepare(extents: ["batch": 1 + turn % 3])
          continue
        }
        let batch = 1 + turn % 6
        let y = try session.run([SessionUseTests.input(batch: batch)])[0].array(of: Float.self)
        guard y == SessionUseTests.expected(batch: batch) else {
          throw ModelError(.invalidRequest, "batch \(batch) gave \(y)")
        }
      }
    }
  }
}
