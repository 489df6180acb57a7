#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A file under construction that takes the place of another one when it is complete, and not before.
///
/// It grows beside its target as `.NAME.HEX.partial`. ``commit()`` renames it; without a commit it disappears with
/// this object. A process that is killed leaves the target as it was, and at worst the partial file.
package final class AtomicFile {
  private let path: String
  private let partial: String
  private let descriptor: Int32
  private var isCommitted = false

  /// - Throws: `.fileAccess` if no file can be made in the target's folder.
  package init(replacing path: String) throws(ModelError) {
    // Through a symbolic link, the file that it names is replaced, not the link.
    let target = Self.resolved(path)
    self.path = target
    let slash = target.lastIndex(of: "/").map { target.index(after: $0) } ?? target.startIndex
    let folder = target[..<slash]
    // A name has at most 255 bytes; the rest is for the decoration.
    let name = String(decoding: target[slash...].utf8.prefix(200), as: UTF8.self)
    (partial, descriptor) = try Self.make(in: String(folder), name: name, for: path)
    var status = stat()
    if stat(target, &status) == 0 { fchmod(descriptor, status.st_mode & 0o777) }
  }

  deinit {
    close(descriptor)
    if !isCommitted { unlink(partial) }
  }

  /// Writes all of `bytes` at `offset`.
  package func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(ModelError) {
    var rest = bytes
    var offset = offset
    while !rest.isEmpty {
      let written = pwrite(descriptor, rest.baseAddress, rest.count, off_t(offset))
      if written < 0 && errno == EINTR { continue }
      guard written > 0 else { throw Self.failure("cannot be written", path) }
      rest = UnsafeRawBufferPointer(rebasing: rest[written...])
      offset += written
    }
  }

  /// Cuts or extends the file to `size` bytes.
  package func truncate(to size: Int) throws(ModelError) {
    guard ftruncate(descriptor, off_t(size)) == 0 else {
      throw Self.failure("cannot be written", path)
    }
  }

  /// Makes the file durable and gives it its name.
  package func commit() throws(ModelError) {
    guard fsync(descriptor) == 0 else { throw Self.failure("cannot be written", path) }
    guard rename(partial, path) == 0 else { throw Self.failure("cannot be replaced", path) }
    isCommitted = true
    // The new name is durable once the folder is; a file system that cannot do that has still renamed.
    let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
    let descriptor = open(folder, O_RDONLY | O_CLOEXEC)
    if descriptor >= 0 {
      fsync(descriptor)
      close(descriptor)
    }
  }

  private static func make(
    in folder: String, name: String, for path: String
  ) throws(ModelError) -> (String, Int32) {
    for _ in 0..<100 {
      let random = String(UInt64.random(in: 0 ... .max), radix: 16)
      let candidate = "\(folder).\(name).\(random).partial"
      let descriptor = open(candidate, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
      if descriptor >= 0 { return (candidate, descriptor) }
      if errno != EEXIST { break }
    }
    throw failure("cannot be made", path)
  }

  private static func resolved(_ path: String) -> String {
    guard let real = realpath(path, nil) else { return path }
    defer { free(real) }
    return String(cString: real)
  }

  private static func failure(_ what: String, _ path: String) -> ModelError {
    let reason = String(cString: strerror(errno))
    return ModelError(.fileAccess, "\(what): \(reason)", at: .init(file: path))
  }
}
