/// What a plan runs for one node, for one set of extents.
public struct Kernel: Sendable {
  public typealias Body = @Sendable (borrowing KernelContext) throws(ModelError) -> Void

  enum Action: Sendable {
    case run(Body)
    case alias(input: Int)
    case deferred
  }

  let action: Action
  /// What `inspect` and profiles show: `gemm_f32_avx512_12x32`.
  public let name: String
  let scratchBytes: Int
  let reuses: [Int: Int]

  /// - Parameters:
  ///   - name: The kernel's name for people.
  ///   - scratchBytes: Memory that `body` needs while it runs, aligned to 64 bytes.
  ///   - reuses: Which output may be written over which input, if nobody else needs that input any more: the
  ///     element at each position may be written once the elements at that position have been read.
  ///   - body: Computes all outputs. It reads and writes nothing but the operands and the scratch memory.
  public init(
    _ name: String, scratchBytes: Int = 0, reuses: [Int: Int] = [:], body: @escaping Body
  ) {
    action = .run(body)
    self.name = name
    self.scratchBytes = scratchBytes
    self.reuses = reuses
  }

  private init(_ name: String, _ action: Action) {
    self.action = action
    self.name = name
    scratchBytes = 0
    reuses = [:]
  }

  /// Output 0 has the same bytes as input `input`: nothing to do.
  public static func alias(of input: Int = 0) -> Kernel { Kernel("alias", .alias(input: input)) }

  /// The kernel depends on values of inputs that are not known yet: `lower` is called again when they are.
  public static var deferred: Kernel { Kernel("deferred", .deferred) }
}

/// A node's operands when it is lowered: every extent is a number.
public struct NodeIO {
  public struct Operand: Sendable {
    public let element: ElementType
    public let shape: [Int]
    /// The weight that this is, which lives as long as the session.
    let weight: ValueID?
    private let known: Tensor?
    private let source: Weight?

    init(
      element: ElementType, shape: [Int], value: Tensor?, weight: ValueID?, source: Weight? = nil
    ) {
      self.element = element
      self.shape = shape
      self.weight = weight
      self.source = source
      known = value
    }

    /// The elements, if they are known already.
    public var value: Tensor? { known ?? (try? source?.tensor()) }

    /// The elements, for a kernel that will have them in a layout of its own.
    fileprivate func taken() throws(ModelError) -> Tensor {
      if let source { return try source.taken() }
      guard let known else { throw ModelError(.corrupted, "a weight that cannot be read again") }
      return known
    }

    /// Says that a kernel has the elements in a layout of its own.
    fileprivate func release() { source?.release() }

    public var count: Int { shape.reduce(1, *) }
    public var rank: Int { shape.count }
    public var byteCount: Int { element.byteCount(of: count) ?? 0 }
    /// True for a constant that lives as long as the session: worth packing.
    public var isWeight: Bool { weight != nil }
  }

  /// `nil` where an optional input is left out.
  public let inputs: [Operand?]
  /// `nil` where nobody wants the output.
  public let outputs: [Operand?]
  let packedWeights: PackedWeights
  /// The most threads that the kernel may use.
  public let threads: Int
  /// Inputs whose elements the kernel has in a layout of its own.
  let replaced = ReplacedInputs()

  /// The inputs that a kernel will not read.
  final class ReplacedInputs {
    fileprivate(set) var indices: Set<Int> = []
  }

  public func has(_ index: Int) -> Bool { index < inputs.count && inputs[index] != nil }

  /// Input `index`, which is there.
  public func input(_ index: Int) throws(ModelError) -> Operand {
    guard index < inputs.count, let operand = inputs[index] else {
      throw ModelError(.missingInput, "input \(index) is left out", expected: "a tensor")
    }
    return operand
  }

  /// The integers of input `index`, if they are known already.
  public func integers(_ index: Int) -> [Int]? {
    index < inputs.count ? inputs[index]?.value?.integers : nil
  }

  /// Output `index`, which somebody wants.
  public func output(_ index: Int = 0) throws(ModelError) -> Operand {
    guard index < outputs.count, let operand = outputs[index] else {
      throw ModelError(.arityMismatch, "output \(index) is left out", expected: "a name for it")
    }
    return operand
  }

  /// A weight in the layout that a kernel wants, made once per session and `layout`; `nil` if input `index` is
  /// no weight.
  ///
  /// - Parameters:
  ///   - index: The input.
  ///   - layout: A name of the layout; the same name stands for the same bytes.
  ///   - replaces: Whether the kernel reads nothing but the result in the place of the input, so that the weight itself
  ///     can leave the memory.
  ///   - pack: Makes the packed form.
  public func packed(
    _ index: Int, _ layout: String, replaces: Bool = false,
    _ pack: (Tensor) throws(ModelError) -> Tensor
  ) throws(ModelError) -> Tensor? {
    guard index < inputs.count, let operand = inputs[index], let weight = operand.weight else {
      return nil
    }
    let packed = try packedWeights.tensor(weight, layout) { () throws(ModelError) in
      guard let value = operand.value else {
        throw ModelError(.corrupted, "a weight that cannot be read again")
      }
      let packed = try pack(value)
      if replaces { operand.release() }
      return packed
    }
    if replaces { replaced.indices.insert(index) }
    return packed
  }

  /// Like ``packed(_:_:replaces:_:)`` with `replaces`, for large weights that are read from the first byte to the last:
  /// what has been read leaves the memory while the rest is packed.
  ///
  /// - Parameters:
  ///   - index: The input.
  ///   - layout: A name of the layout; the same name stands for the same bytes.
  ///   - bytes: How large the packed form is.
  ///   - pack: Reads the input, writes the packed form, and calls its last argument now and then with how many bytes it
  ///     has read and will not read again.
  func packedInOrder(
    _ index: Int, _ layout: String, bytes: Int,
    _ pack: (UnsafeRawPointer, UnsafeMutableRawPointer, (Int) -> Void) -> Void
  ) throws(ModelError) -> Tensor? {
    guard index < inputs.count, let operand = inputs[index], let weight = operand.weight else {
      return nil
    }
    replaced.indices.insert(index)
    return try packedWeights.tensor(weight, layout) { () throws(ModelError) in
      var tensor = try operand.taken()
      guard var taken = tensor.takeBytes() else {
        throw ModelError(.elementTypeMismatch, "a weight of strings", expected: "numbers")
      }
      let isAlone = isKnownUniquelyReferenced(&taken.buffer)
      var read = 0
      let packed = try Tensor(.u8, shape: [bytes]) { (to) throws(ModelError) in
        guard let to = to.baseAddress else { return }
        let (buffer, offset) = taken
        pack(buffer.base + offset, to) { count in
          if isAlone || !buffer.isOwned { buffer.discard(offset + read..<offset + count) }
          read = count
        }
      }
      operand.release()
      return packed
    }
  }
}
