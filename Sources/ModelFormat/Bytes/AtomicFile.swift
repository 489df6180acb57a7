import LibC

/// A file under construction that takes the place of another one when it is complete, and not before.
///
/// On Linux it grows without a name, so that nothing is left of it when the process is killed. Where that is not
/// possible, and for the moment in which it replaces an older file, it lies beside its target as `.NAME.HEX.partial`,
/// under a lock that dies with the process: the next write of that name removes what has no lock.
package final class AtomicFile {
  private let path: String
  /// The folder's path with a slash at its end, empty for the working directory.
  private let folder: String
  private let prefix: String
  private let descriptor: Int32
  /// The path of the named file, `nil` while it has no name.
  private var partial: String?

  /// - Parameter isNamed: Whether the file has a name from the beginning on, as file systems without nameless files
  ///   make necessary.
  /// - Throws: `.fileAccess` if no file can be made in the target's folder, or if a folder is there already.
  package init(replacing path: String, isNamed: Bool = false) throws(ModelError) {
    // Through a symbolic link, the file that it names is replaced, not the link.
    let target = Self.resolved(path)
    let slash = target.lastIndex(of: "/").map { target.index(after: $0) } ?? target.startIndex
    self.path = target
    folder = String(target[..<slash])
    // A name has at most 255 bytes; the rest is for the decoration.
    prefix = "." + String(decoding: target[slash...].utf8.prefix(200), as: UTF8.self) + "."
    var status = stat()
    let replaces = stat(target, &status) == 0
    if replaces, status.st_mode & S_IFMT == S_IFDIR {
      throw ModelError(
        .fileAccess, "a folder", expected: "the path of a file", at: .init(file: path))
    }
    Self.removeAbandoned(in: folder, prefix: prefix)
    if !isNamed, let nameless = Self.nameless(in: folder) {
      descriptor = nameless
    } else {
      (partial, descriptor) = try Self.named(in: folder, prefix: prefix, for: path)
    }
    if replaces { fchmod(descriptor, status.st_mode & 0o777) }
  }

  deinit {
    if let partial { unlink(partial) }
    close(descriptor)
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
    if partial == nil, !link(to: path) {
      guard errno == EEXIST else { throw Self.failure("cannot be written", path) }
      partial = try linkedBesideTarget()
    }
    if let partial {
      guard rename(partial, path) == 0 else { throw Self.failure("cannot be replaced", path) }
      self.partial = nil
    }
    // The new name is durable once the folder is; a file system that cannot do that has still renamed.
    let descriptor = open(folder.isEmpty ? "." : folder, O_RDONLY | O_CLOEXEC)
    if descriptor >= 0 {
      fsync(descriptor)
      close(descriptor)
    }
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

// Files without a name.
extension AtomicFile {
  /// A file that no folder lists, `nil` if the system cannot make one or could not name it later.
  private static func nameless(in folder: String) -> Int32? {
    #if os(Linux)
      let kind: Int32 = 0o20_000_000 | O_DIRECTORY  // O_TMPFILE, a macro that Swift does not see
      let descriptor = open(
        folder.isEmpty ? "." : folder, O_RDWR | O_CLOEXEC | kind, mode_t(0o666))
      guard descriptor >= 0 else { return nil }
      if access(handle(descriptor), F_OK) == 0, flock(descriptor, LOCK_EX) == 0 {
        return descriptor
      }
      close(descriptor)
    #endif
    return nil
  }

  /// Gives the nameless file a name that does not exist yet; false with `errno` otherwise.
  private func link(to name: String) -> Bool {
    linkat(AT_FDCWD, Self.handle(descriptor), AT_FDCWD, name, Int32(AT_SYMLINK_FOLLOW)) == 0
  }

  private static func handle(_ descriptor: Int32) -> String { "/proc/self/fd/\(descriptor)" }

  private func linkedBesideTarget() throws(ModelError) -> String {
    for _ in 0..<100 {
      let candidate = Self.candidate(folder, prefix)
      if link(to: candidate) { return candidate }
      if errno != EEXIST { break }
    }
    throw Self.failure("cannot be replaced", path)
  }
}

// Files with a name, and what killed processes left of them.
extension AtomicFile {
  private static func candidate(_ folder: String, _ prefix: String) -> String {
    folder + prefix + String(UInt64.random(in: 0 ... .max), radix: 16) + ".partial"
  }

  private static func named(
    in folder: String, prefix: String, for path: String
  ) throws(ModelError) -> (String, Int32) {
    for _ in 0..<100 {
      let candidate = candidate(folder, prefix)
      let descriptor = open(candidate, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
      if descriptor < 0 {
        if errno == EEXIST { continue }
        break
      }
      flock(descriptor, LOCK_EX)
      var status = stat()
      // Between making and locking, another process may have taken the file for an abandoned one.
      if fstat(descriptor, &status) == 0, status.st_nlink > 0 { return (candidate, descriptor) }
      close(descriptor)
    }
    throw failure("cannot be made", path)
  }

  /// Removes partial files of the same target that no living process holds.
  private static func removeAbandoned(in folder: String, prefix: String) {
    guard let directory = opendir(folder.isEmpty ? "." : folder) else { return }
    defer { closedir(directory) }
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      guard name.hasPrefix(prefix), name.hasSuffix(".partial") else { continue }
      let middle = name.dropFirst(prefix.count).dropLast(".partial".count)
      guard !middle.isEmpty, middle.allSatisfy(\.isHexDigit) else { continue }
      let descriptor = open(folder + name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
      guard descriptor >= 0 else { continue }
      if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { unlink(folder + name) }
      close(descriptor)
    }
  }
}
