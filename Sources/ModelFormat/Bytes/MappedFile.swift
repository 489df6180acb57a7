import LibC

/// The bytes of a file, mapped read-only, or a copy of bytes from memory, for as long as this object lives. Either
/// way the first byte lies on a multiple of 64.
///
/// Another process that shortens the file while it is mapped makes reads of the lost part fail with SIGBUS; model
/// files are replaced by renaming, never rewritten in place.
public final class MappedFile: @unchecked Sendable {
  public let bytes: UnsafeRawBufferPointer
  /// Where the file lies, as given; `nil` for bytes from memory. References to other files start from its folder.
  public let path: String?
  private let isMapped: Bool

  /// - Throws: `.fileAccess` with the system's reason.
  public init(path: String) throws(ModelError) {
    self.path = path
    isMapped = true
    // Opening a named pipe would otherwise wait for its writer.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw Self.failure("cannot be opened", path) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw Self.failure("cannot be examined", path) }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw ModelError(.fileAccess, "not a regular file", at: .init(file: path))
    }
    let size = Int(status.st_size)
    guard size > 0 else {
      bytes = UnsafeRawBufferPointer(start: nil, count: 0)
      return
    }
    guard let base = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), base != MAP_FAILED
    else { throw Self.failure("cannot be mapped", path) }
    bytes = UnsafeRawBufferPointer(start: base, count: size)
  }

  /// A copy of `source`.
  ///
  /// - Throws: `.limitExceeded` if there is no memory for it.
  public init(copying source: [UInt8]) throws(ModelError) {
    path = nil
    isMapped = false
    guard source.count > 0 else {
      bytes = UnsafeRawBufferPointer(start: nil, count: 0)
      return
    }
    var memory: UnsafeMutableRawPointer?
    let room = source.count + TensorBuffer.alignment
    guard posix_memalign(&memory, TensorBuffer.alignment, room) == 0, let memory else {
      throw ModelError(.limitExceeded, "no memory for a model of \(source.count) bytes")
    }
    let copy = UnsafeMutableRawBufferPointer(start: memory, count: source.count)
    source.withUnsafeBytes { copy.copyMemory(from: $0) }
    bytes = UnsafeRawBufferPointer(copy)
  }

  /// How many bytes from the first on can be read without a fault: to the end of the last page, or of the padding.
  package var readableCount: Int {
    guard isMapped else { return bytes.isEmpty ? 0 : bytes.count + TensorBuffer.alignment }
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    return (bytes.count + page - 1) / page * page
  }

  deinit {
    guard let base = UnsafeMutableRawPointer(mutating: bytes.baseAddress) else { return }
    if isMapped { munmap(base, bytes.count) } else { free(base) }
  }

  /// The bytes of `range`, which must lie in the file: a view of them, or a copy if so few follow that a kernel that
  /// reads a whole vector past the last element could leave the mapping.
  package func buffer(_ range: Range<Int>) throws(ModelError) -> TensorBuffer {
    if let base = bytes.baseAddress, range.upperBound + TensorBuffer.alignment <= readableCount {
      return TensorBuffer(viewing: base + range.lowerBound, byteCount: range.count, owner: self)
    }
    let copy = try TensorBuffer(byteCount: range.count)
    UnsafeMutableRawBufferPointer(start: copy.base, count: range.count)
      .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[range]))
    return copy
  }

  /// Lets the pages that lie in `range` leave memory; they are read from the file again when they are used.
  package func release(_ range: Range<Int>) {
    guard isMapped, let base = bytes.baseAddress else { return }
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    let first = (range.lowerBound + page - 1) / page * page
    let end = range.upperBound / page * page
    guard first < end, end <= readableCount else { return }
    madvise(UnsafeMutableRawPointer(mutating: base) + first, end - first, MADV_DONTNEED)
  }

  private static func failure(_ what: String, _ path: String) -> ModelError {
    let reason = String(cString: strerror(errno))
    return ModelError(.fileAccess, "\(what): \(reason)", at: .init(file: path))
  }
}
