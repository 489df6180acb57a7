import LibC
import Synchronization

/// Bytes that tensors share: memory of their own, aligned to 64 bytes, or a view of bytes that `owner` keeps
/// alive, such as a mapped file.
///
/// A buffer is written only by the code that makes it, before anyone else sees it; from then on it is only read.
/// That makes it safe to share between threads.
public final class TensorBuffer: @unchecked Sendable {
  public static let alignment = 64
  private static let hugePage = 2 << 20

  public let base: UnsafeMutableRawPointer
  public let byteCount: Int
  private let owner: AnyObject?
  /// What counts in ``TensorMemory``.
  private let charge: Atomic<Int>

  /// Memory of its own, not initialised.
  ///
  /// - Throws: `.limitExceeded` if ``TensorMemory`` or the system has no such block.
  public init(byteCount: Int) throws(ModelError) {
    // Kernels may read whole vectors past the last element, so the block ends on a full vector.
    let (padded, overflow) = max(byteCount, 1).addingReportingOverflow(Self.alignment)
    var memory: UnsafeMutableRawPointer?
    let alignment = byteCount >= 2 * Self.hugePage ? Self.hugePage : Self.alignment
    guard byteCount >= 0, !overflow else {
      throw ModelError(.limitExceeded, "a tensor of \(byteCount) bytes")
    }
    try TensorMemory.take(padded)
    guard posix_memalign(&memory, alignment, padded) == 0, let memory else {
      TensorMemory.give(padded)
      throw ModelError(.limitExceeded, "no memory for a tensor of \(byteCount) bytes")
    }
    #if os(Linux)
      // The first touch of small pages takes as long as decoding what goes into them.
      if alignment == Self.hugePage { madvise(memory, byteCount, MADV_HUGEPAGE) }
    #endif
    base = memory
    self.byteCount = byteCount
    charge = Atomic(padded)
    owner = nil
  }

  /// A view of `byteCount` bytes at `base`, which must stay valid and unchanged as long as `owner` lives. Kernels read
  /// whole vectors: the ``alignment`` bytes behind the last one must be readable, too.
  public init(viewing base: UnsafeRawPointer, byteCount: Int, owner: AnyObject) {
    self.base = UnsafeMutableRawPointer(mutating: base)
    self.byteCount = byteCount
    charge = Atomic(0)
    self.owner = owner
  }

  /// Whether this is a view of memory that `object` keeps alive.
  package func isView(ownedBy object: AnyObject) -> Bool { owner === object }

  /// Says that these bytes are not needed soon. The system takes their pages back if they are those of a file.
  package func release() {
    guard let file = owner as? MappedFile, let start = file.bytes.baseAddress else { return }
    let offset = UnsafeRawPointer(base) - start
    file.release(offset..<offset + byteCount)
  }

  /// Whether the bytes are this buffer's own, not a view.
  package var isOwned: Bool { owner == nil }

  /// Lets the bytes of `range`, which did not leave it before, leave the memory. Those of a file are read again when they are used; others are lost, so
  /// only who alone has the buffer, and reads them no more, may call this.
  package func discard(_ range: Range<Int>) {
    if let file = owner as? MappedFile, let start = file.bytes.baseAddress {
      let offset = UnsafeRawPointer(base) - start
      return file.release(offset + range.lowerBound..<offset + range.upperBound)
    }
    guard isOwned else { return }
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    let start = Int(bitPattern: base)
    let first = (start + range.lowerBound + page - 1) / page * page
    let end = (start + range.upperBound) / page * page
    guard first < end, let pages = UnsafeMutableRawPointer(bitPattern: first) else { return }
    madvise(pages, end - first, MADV_DONTNEED)
    charge.subtract(end - first, ordering: .relaxed)
    TensorMemory.give(end - first)
  }

  deinit {
    guard isOwned else { return }
    TensorMemory.give(charge.load(ordering: .relaxed))
    free(base)
  }
}
