import LibC
import Synchronization

/// The files beside a model that hold its external data.
///
/// A location is a path relative to the model's folder. It may not leave that folder, neither by `..` nor through
/// a symbolic link, except into the folder in which the model's own symbolic link ends: download caches keep the
/// model and its data as links into one store.
///
/// Source: ONNX `ExternalData.md`, keys `location`, `offset` and `length`, and `checksum`, the SHA-1 digest of the whole
/// file: where it is given, the file is read and compared when the model is opened.
final class ExternalFiles: Sendable {
  private let modelPath: String?
  private let files = Mutex<[String: MappedFile]>([:])
  private let digests = Mutex<[String: String]>([:])

  init(modelPath: String?) { self.modelPath = modelPath }

  /// A source for a tensor of `byteCount` bytes.
  func source(
    _ entries: [String: String], elementType: ElementType, shape: [Int], byteCount: Int
  ) throws(ModelError) -> any WeightSource {
    let location = entries["location"] ?? ""
    let file = try file(at: location)
    let offset = try number("offset", entries) ?? 0
    let length = try number("length", entries)
    guard length == nil || length == byteCount else {
      throw ModelError(
        .malformed, "external data of \(length ?? 0) bytes for a tensor \(elementType) \(shape)",
        expected: "\(byteCount) bytes")
    }
    guard offset <= file.bytes.count, byteCount <= file.bytes.count - offset else {
      throw ModelError(
        .malformed,
        "external data of \(byteCount) bytes at byte \(offset) of '\(location)', "
          + "which has \(file.bytes.count)",
        remedy: "check that '\(location)' was copied completely")
    }
    if let checksum = entries["checksum"] { try verify(checksum, file, location) }
    return MappedTensor(
      file: file, offset: offset, elementType: elementType, shape: shape, encoding: "external")
  }

  private func verify(
    _ checksum: String, _ file: MappedFile, _ location: String
  ) throws(ModelError) {
    guard checksum.utf8.count == 40, checksum.allSatisfy(\.isHexDigit) else {
      throw ModelError(
        .malformed, "external data with checksum '\(checksum.prefix(80))'",
        expected: "the 40 hexadecimal digits of a SHA-1 digest")
    }
    let known = digests.withLock { $0[location] }
    let digest = known ?? file.sha1()
    digests.withLock { $0[location] = digest }
    guard digest == checksum.lowercased() else {
      throw ModelError(
        .corrupted, "external data '\(location)' has the SHA-1 digest \(digest)",
        expected: checksum.lowercased(),
        remedy: "check that '\(location)' was copied completely")
    }
  }

  private func number(
    _ key: String, _ entries: [String: String]
  ) throws(ModelError) -> Int? {
    guard let text = entries[key] else { return nil }
    guard let number = Int(text), number >= 0 else {
      throw ModelError(
        .malformed, "external data with \(key) '\(text)'", expected: "a number of 0 or more")
    }
    return number
  }

  private func file(at location: String) throws(ModelError) -> MappedFile {
    if let file = files.withLock({ $0[location] }) { return file }
    let path = try resolve(location)
    let file: MappedFile
    do {
      file = try MappedFile(path: path)
    } catch {
      throw ModelError(
        .fileAccess, "external data '\(location)': \(error.found)",
        remedy: "put the file '\(location)' beside the model")
    }
    files.withLock { $0[location] = file }
    return file
  }

  /// The real path of a location, checked to be inside the model's folder.
  private func resolve(_ location: String) throws(ModelError) -> String {
    guard let modelPath else {
      throw ModelError(
        .invalidRequest,
        "external data '\(location)' of a model that was read from memory or a pipe",
        remedy: "read the model from its file")
    }
    let parts = location.split(separator: "/", omittingEmptySubsequences: false)
    let isBad = parts.contains { $0 == ".." || $0.contains("\\") || $0.contains("\0") }
    guard !location.isEmpty, !location.hasPrefix("/"), !isBad else {
      throw ModelError(
        .malformed, "external data at '\(location)'",
        expected: "a path inside the model's folder, without '..'")
    }
    let folder = Self.folder(of: modelPath)
    guard let real = Self.realPath(folder + "/" + location) else {
      throw ModelError(
        .fileAccess, "external data '\(location)', which does not exist",
        remedy: "put the file '\(location)' beside the model")
    }
    let homes = [Self.realPath(folder), Self.realPath(modelPath).map(Self.folder)]
    let isInside = homes.contains { home in
      guard let home else { return false }
      return real.hasPrefix(home.hasSuffix("/") ? home : home + "/")
    }
    guard isInside else {
      throw ModelError(
        .malformed, "external data at '\(location)', a link that leads out of the model's folder",
        expected: "a file inside the model's folder")
    }
    return real
  }

  private static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  private static func realPath(_ path: String) -> String? {
    guard let resolved = realpath(path, nil) else { return nil }
    defer { free(resolved) }
    return String(cString: resolved)
  }
}
