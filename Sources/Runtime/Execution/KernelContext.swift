/// Where a kernel finds its operands while it runs.
public struct KernelContext: ~Copyable {
  let table: UnsafeMutablePointer<UnsafeMutableRawPointer?>
  /// Slots of the inputs, then of the outputs, then of the scratch memory.
  let slots: UnsafePointer<Int32>
  let inputCount: Int
  let outputCount: Int
  /// The most threads that the kernel may use.
  public let threads: Int

  /// The elements of input `index`, which must be there.
  @inline(__always)
  public func input<T>(_ index: Int, as type: T.Type = T.self) -> UnsafePointer<T> {
    UnsafePointer(raw(index).assumingMemoryBound(to: T.self))
  }

  /// The elements of output `index`, which somebody wants.
  @inline(__always)
  public func output<T>(_ index: Int = 0, as type: T.Type = T.self) -> UnsafeMutablePointer<T> {
    raw(inputCount + index).assumingMemoryBound(to: T.self)
  }

  @inline(__always)
  public func inputBytes(_ index: Int) -> UnsafeRawPointer { UnsafeRawPointer(raw(index)) }

  @inline(__always)
  public func outputBytes(_ index: Int = 0) -> UnsafeMutableRawPointer { raw(inputCount + index) }

  /// The memory that the kernel asked for; an address that holds nothing if it asked for no byte.
  @inline(__always)
  public var scratch: UnsafeMutableRawPointer {
    table[Int(slots[inputCount + outputCount])] ?? Self.nothing
  }

  nonisolated(unsafe) private static let nothing = UnsafeMutableRawPointer.allocate(
    byteCount: 64, alignment: 64)

  @inline(__always)
  private func raw(_ operand: Int) -> UnsafeMutableRawPointer {
    // An operand that is not there has slot 0, whose pointer is nil; a kernel that asks for it is wrong.
    table[Int(slots[operand])].unsafelyUnwrapped
  }
}
