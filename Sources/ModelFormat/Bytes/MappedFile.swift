import CKernels
import LibC

/// The bytes of a file, mapped read-only, or bytes in memory or from a pipe, for as long as this object lives.
/// Either way the first byte lies on a multiple of 64, and kernels may read 64 bytes past the last one.
///
/// Another process that shortens the file while it is mapped makes reads of the lost part fail with SIGBUS; model
/// files are replaced by renaming, never rewritten in place.
public final class MappedFile: @unchecked Sendable {
  public let bytes: UnsafeRawBufferPointer
  /// Where the file lies, as given; `nil` for bytes from memory or a pipe. References to other files start from its folder.
  public let path: String?
  /// The size of the mapping; 0 for bytes that are a copy.
  private let mappedCount: Int
  /// Whether `bytes` are somebody else's, which `owner` may keep alive.
  private let isView: Bool
  private let owner: AnyObject?

  /// - Parameters:
  ///   - path: A file.
  ///   - pipeLimit: The most bytes to take from a pipe, which is read to its end; 0 to refuse pipes. Only for paths that
  ///     the user gives: what a model names must not keep the program waiting.
  /// - Throws: `.fileAccess` with the system's reason, `.limitExceeded` for a pipe that gives more than its limit.
  public init(path: String, pipeLimit: Int = 0) throws(ModelError) {
    (isView, owner) = (false, nil)
    var status = stat()
    let isPipe = pipeLimit > 0 && stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFIFO
    // Opening a named pipe would otherwise wait for its writer, and not waiting reads nothing.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | (isPipe ? 0 : O_NONBLOCK))
    guard descriptor >= 0 else { throw Self.failure("cannot be opened", path) }
    defer { close(descriptor) }
    guard fstat(descriptor, &status) == 0 else { throw Self.failure("cannot be examined", path) }
    if pipeLimit > 0, status.st_mode & S_IFMT == S_IFIFO {
      self.path = nil
      mappedCount = 0
      bytes = try Self.copy(Self.all(from: descriptor, limit: pipeLimit, path))
      return
    }
    self.path = path
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw ModelError(.fileAccess, "not a regular file", at: .init(file: path))
    }
    let size = Int(status.st_size)
    guard size > 0 else {
      bytes = UnsafeRawBufferPointer(start: nil, count: 0)
      mappedCount = 0
      return
    }
    // The file is laid over pages of zeros, which remain where its last page ends less than a vector after its bytes.
    mappedCount = Self.wholePages(size + TensorBuffer.alignment)
    let zeros = mmap(nil, mappedCount, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let zeros, zeros != MAP_FAILED else { throw Self.failure("cannot be mapped", path) }
    let base = mmap(zeros, size, PROT_READ, MAP_PRIVATE | MAP_FIXED, descriptor, 0)
    guard base == zeros else {
      munmap(zeros, mappedCount)
      throw Self.failure("cannot be mapped", path)
    }
    bytes = UnsafeRawBufferPointer(start: zeros, count: size)
  }

  /// A copy of `source`.
  ///
  /// - Throws: `.limitExceeded` if there is no memory for it.
  public init(copying source: [UInt8]) throws(ModelError) {
    path = nil
    mappedCount = 0
    (isView, owner) = (false, nil)
    bytes = try Self.copy(source)
  }

  private static func copy(_ source: [UInt8]) throws(ModelError) -> UnsafeRawBufferPointer {
    guard source.count > 0 else { return UnsafeRawBufferPointer(start: nil, count: 0) }
    var memory: UnsafeMutableRawPointer?
    let room = source.count + TensorBuffer.alignment
    guard posix_memalign(&memory, TensorBuffer.alignment, room) == 0, let memory else {
      throw ModelError(.limitExceeded, "no memory for a model of \(source.count) bytes")
    }
    let copy = UnsafeMutableRawBufferPointer(start: memory, count: source.count)
    source.withUnsafeBytes { copy.copyMemory(from: $0) }
    return UnsafeRawBufferPointer(copy)
  }

  /// What a pipe gives until its writer closes it.
  private static func all(
    from descriptor: Int32, limit: Int, _ path: String
  ) throws(ModelError) -> [UInt8] {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 18)
    while true {
      let count = read(descriptor, &chunk, chunk.count)
      if count == 0 { return bytes }
      guard count > 0 else {
        if errno == EINTR { continue }
        throw failure("cannot be read", path)
      }
      guard bytes.count + count <= limit else {
        throw ModelError(
          .limitExceeded, "a pipe that gives more than \(limit) bytes",
          expected: "at most that many", at: .init(file: path))
      }
      bytes += chunk[..<count]
    }
  }

  /// A view of bytes that stay where they are.
  ///
  /// - Parameters:
  ///   - source: The bytes; the 64 behind the last one must be readable, too.
  ///   - owner: What keeps them, unchanged; `nil` for bytes that stay for ever.
  /// - Throws: `.invalidRequest` if the first byte does not lie on a multiple of 64.
  public init(
    viewing source: UnsafeRawBufferPointer, owner: AnyObject?
  ) throws(ModelError) {
    guard Int(bitPattern: source.baseAddress) % TensorBuffer.alignment == 0 else {
      throw ModelError(
        .invalidRequest, "bytes at an address that is no multiple of \(TensorBuffer.alignment)")
    }
    path = nil
    mappedCount = 0
    bytes = source
    (isView, self.owner) = (true, owner)
  }

  deinit {
    guard !isView, let base = UnsafeMutableRawPointer(mutating: bytes.baseAddress) else { return }
    if mappedCount > 0 { munmap(base, mappedCount) } else { free(base) }
  }

  /// A view of the bytes of `range`, which must lie in the file.
  package func buffer(_ range: Range<Int>) throws(ModelError) -> TensorBuffer {
    guard let base = bytes.baseAddress else { return try TensorBuffer(byteCount: 0) }
    return TensorBuffer(viewing: base + range.lowerBound, byteCount: range.count, owner: self)
  }

  /// The SHA-1 digest in 40 hexadecimal digits. ONNX uses it to tell whether external data is complete: it finds
  /// accidents, but proves nothing against somebody who wants two files with one digest. Of a mapped file, little more
  /// than a piece is in memory at a time.
  func sha1() -> String {
    var state = zoo_sha1_state()
    zoo_sha1_begin(&state)
    let piece = 4 << 20
    for start in stride(from: 0, to: bytes.count, by: piece) {
      let range = start..<min(start + piece, bytes.count)
      let part = UnsafeRawBufferPointer(rebasing: bytes[range])
      zoo_sha1_add(&state, part.baseAddress, Int64(part.count))
      release(range)
    }
    var words = [UInt32](repeating: 0, count: 5)
    zoo_sha1_end(&state, &words)
    return words.map { word in
      let digits = String(word, radix: 16)
      return String(repeating: "0", count: 8 - digits.count) + digits
    }.joined()
  }

  private static func wholePages(_ count: Int) -> Int {
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    return (count + page - 1) / page * page
  }

  /// Lets the pages that lie in `range` leave memory; they are read from the file again when they are used.
  package func release(_ range: Range<Int>) {
    guard mappedCount > 0, let base = bytes.baseAddress else { return }
    let page = Self.wholePages(1)
    let first = Self.wholePages(range.lowerBound)
    let end = min(range.upperBound, bytes.count) / page * page
    guard first < end else { return }
    madvise(UnsafeMutableRawPointer(mutating: base) + first, end - first, MADV_DONTNEED)
  }

  private static func failure(_ what: String, _ path: String) -> ModelError {
    let reason = String(cString: strerror(errno))
    return ModelError(.fileAccess, "\(what): \(reason)", at: .init(file: path))
  }
}
