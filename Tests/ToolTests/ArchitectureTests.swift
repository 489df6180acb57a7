import Foundation
import Testing

/// The map of the project against the project.
@Suite struct ArchitectureTests {
  private let root = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  /// What each target's Swift files may import of this package.
  private static let rule: [String: Set<String>] = [
    "ModelFormat": ["CKernels", "CProtobufC", "CSchemas", "CZstd"],
    "Runtime": ["CKernels", "ModelFormat"],
    "Quantize": ["CKernels", "ModelFormat", "ZooRuntime"],
    "Zoo": [
      "CEmbeddedModels", "COpenJPEG", "CPng", "CTiff", "CTurboJPEG", "CWebP", "ModelFormat",
      "Quantize", "ZooRuntime",
    ],
    "zoo-tool": ["Zoo"],
  ]

  private static let modules: Set<String> = [
    "CEmbeddedModels", "CKernels", "COpenJPEG", "CPng", "CProtobufC", "CSchemas", "CTiff",
    "CTurboJPEG", "CWebP", "CZstd", "ModelFormat", "Quantize", "Zoo", "ZooRuntime",
  ]

  @Test func theMapNamesEveryFolder() throws {
    let map = try String(contentsOf: root.appending(path: "ARCHITECTURE.md"), encoding: .utf8)
    let folders = try FileManager.default.contentsOfDirectory(
      atPath: root.appending(path: "Sources").path)
    for folder in folders where !folder.hasPrefix(".") {
      #expect(map.contains("`\(folder)`") || map.contains("`Sources/\(folder)`"), "\(folder)")
    }
  }

  @Test(arguments: rule.keys.sorted()) func importsFollowTheRule(target: String) throws {
    let allowed = try #require(Self.rule[target])
    let folder = root.appending(path: "Sources/\(target)")
    let files = try #require(
      FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil))
    var count = 0
    for case let file as URL in files where file.pathExtension == "swift" {
      count += 1
      for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
        let words = line.split(separator: " ")
        guard let keyword = words.firstIndex(of: "import"), keyword <= 2, keyword + 1 < words.count,
          words[..<keyword].allSatisfy({ $0.hasPrefix("@") || $0 == "public" || $0 == "package" })
        else { continue }
        let module = String(words[keyword + 1])
        guard Self.modules.contains(module) else { continue }
        #expect(allowed.contains(module), "\(file.lastPathComponent) imports \(module)")
      }
    }
    #expect(count > 0)
  }

  /// Foundation brings its tables of all languages: half of the start-up time of a small model.
  @Test func foundationIsImportedOnlyWithoutItsEssentials() throws {
    let files = try #require(
      FileManager.default.enumerator(
        at: root.appending(path: "Sources"), includingPropertiesForKeys: nil))
    for case let file as URL in files where file.pathExtension == "swift" {
      let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
      #expect(!lines.contains("import Foundation"), "\(file.lastPathComponent)")
    }
  }

  @Test func noFlagKeepsThePackageFromBeingADependency() throws {
    let manifest = try String(
      contentsOf: root.appending(path: "Package.swift"), encoding: .utf8)
    #expect(!manifest.contains("unsafe" + "Flags"))
  }
}
