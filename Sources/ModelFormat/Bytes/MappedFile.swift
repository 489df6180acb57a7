#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The bytes of a file, mapped read-only, for as long as this object lives.
///
/// Another process that shortens the file while it is mapped makes reads of the lost part fail with SIGBUS; model
/// files are replaced by renaming, never rewritten in place.
package final class MappedFile: @unchecked Sendable {
  package let bytes: UnsafeRawBufferPointer

  /// - Throws: `.fileAccess` with the system's reason.
  package init(path: String) throws(ModelError) {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
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

  deinit {
    if let base = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: base), bytes.count) }
  }

  private static func failure(_ what: String, _ path: String) -> ModelError {
    let reason = String(cString: strerror(errno))
    return ModelError(.fileAccess, "\(what): \(reason)", at: .init(file: path))
  }
}
