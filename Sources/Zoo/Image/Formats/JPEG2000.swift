import COpenJPEG
import ModelFormat

/// JPEG 2000 through libopenjp2: JP2 files and bare codestreams.
enum JPEG2000 {
  static func decode(
    _ bytes: UnsafeRawBufferPointer, _ limits: Image.Limits
  ) throws(ModelError) -> Image {
    // The library makes room for all tiles that a header declares before it can be asked what those are.
    try JPEG2000Header(bytes).check(bytes.count, limits)
    let isBare = bytes.first == 0xFF
    guard let codec = opj_create_decompress(isBare ? OPJ_CODEC_J2K : OPJ_CODEC_JP2),
      let stream = opj_stream_default_create(1)
    else { throw ModelError(.limitExceeded, "no memory for a JPEG 2000 decoder") }
    defer {
      opj_destroy_codec(codec)
      opj_stream_destroy(stream)
    }
    let complaints = Complaints()
    let source = ByteSource(bytes)
    defer { withExtendedLifetime((complaints, source)) {} }
    complaints.listen(to: codec)
    attach(source, to: stream)
    var image: UnsafeMutablePointer<opj_image_t>?
    defer { opj_image_destroy(image) }
    var parameters = opj_dparameters_t()
    opj_set_default_decoder_parameters(&parameters)
    guard opj_setup_decoder(codec, &parameters) != 0,
      opj_read_header(stream, codec, &image) != 0, let decoded = image
    else { throw complaints.error }
    let (width, height) = (
      extent(decoded.pointee.x0, decoded.pointee.x1),
      extent(decoded.pointee.y0, decoded.pointee.y1)
    )
    try Image.checkSize(width, height, limits)
    // A codestream that ends early is only a warning to the library, but half a picture is no picture.
    guard opj_decode(codec, stream, decoded) != 0, complaints.first == nil else {
      throw complaints.error
    }
    return try JPEG2000Samples(decoded.pointee, width, height).picture()
  }

  private static func extent(_ start: UInt32, _ end: UInt32) -> Int { Int(end) - Int(start) }

  private static func attach(_ source: ByteSource, to stream: UnsafeMutablePointer<opj_stream_t?>) {
    opj_stream_set_user_data(stream, Unmanaged.passUnretained(source).toOpaque(), nil)
    opj_stream_set_user_data_length(stream, UInt64(source.count))
    opj_stream_set_read_function(stream) { buffer, count, handle in
      // Swift sees `size_t` as signed; -1 is the library's end of the stream.
      guard let buffer, let handle else { return -1 }
      let size = ByteSource.at(handle).read(into: buffer, count)
      return size == 0 ? -1 : size
    }
    opj_stream_set_skip_function(stream) { count, handle in
      guard let handle else { return -1 }
      let source = ByteSource.at(handle)
      let (target, overflow) = source.position.addingReportingOverflow(Int(count))
      return !overflow && source.seek(to: target) ? count : -1
    }
    opj_stream_set_seek_function(stream) { offset, handle in
      guard let handle, ByteSource.at(handle).seek(to: Int(offset)) else { return 0 }
      return 1
    }
  }

  /// What the library complained of first.
  private final class Complaints {
    var first: String?

    var error: ModelError {
      ImageFormat.damaged("JPEG 2000", first ?? "it cannot be read")
    }

    func listen(to codec: UnsafeMutablePointer<opj_codec_t?>) {
      let handle = Unmanaged.passUnretained(self).toOpaque()
      let note: opj_msg_callback = { message, handle in
        guard let message, let handle else { return }
        let complaints = Unmanaged<Complaints>.fromOpaque(handle).takeUnretainedValue()
        let text = String(cString: message)
        if complaints.first == nil {
          complaints.first = String(text.prefix { !$0.isNewline })
        }
      }
      opj_set_info_handler(codec, { _, _ in }, nil)
      opj_set_warning_handler(codec, note, handle)
      opj_set_error_handler(codec, note, handle)
    }
  }
}

/// What the SIZ marker of a codestream declares: ISO/IEC 15444-1, A.5.1; its place in a JP2 file: annex I.
struct JPEG2000Header {
  private let width: Int
  private let height: Int
  private let tiles: Int
  private let components: Int

  init(_ bytes: UnsafeRawBufferPointer) throws(ModelError) {
    guard let start = Self.codestream(bytes), start + 44 <= bytes.count else {
      throw ImageFormat.damaged("JPEG 2000", "no codestream")
    }
    func word(_ offset: Int) -> Int { Self.number(bytes, start + offset, 4) }
    guard Self.number(bytes, start, 4) == 0xFF4F_FF51 else {
      throw ImageFormat.damaged("JPEG 2000", "the codestream does not begin with its size")
    }
    let (right, bottom, left, top) = (word(8), word(12), word(16), word(20))
    let (tileWidth, tileHeight, tileLeft, tileTop) = (word(24), word(28), word(32), word(36))
    guard left < right, top < bottom, tileWidth > 0, tileHeight > 0, tileLeft <= left,
      tileTop <= top
    else { throw ImageFormat.damaged("JPEG 2000", "sizes that do not fit together") }
    (width, height) = (right - left, bottom - top)
    let columns = (right - tileLeft + tileWidth - 1) / tileWidth
    let rows = (bottom - tileTop + tileHeight - 1) / tileHeight
    tiles = columns * rows
    components = Self.number(bytes, start + 40, 2)
  }

  /// - Parameter byteCount: The size of the file: every tile takes 14 bytes of it at least.
  func check(_ byteCount: Int, _ limits: Image.Limits) throws(ModelError) {
    try Image.checkSize(width, height, limits)
    guard (1...4).contains(components) else {
      throw ModelError(
        .malformed, "a JPEG 2000 image of \(components) components", expected: "1 to 4")
    }
    guard tiles <= byteCount / 14 else {
      throw ImageFormat.damaged("JPEG 2000", "\(tiles) tiles in \(byteCount) bytes")
    }
    // The library takes some kilobytes for each.
    let most = max(1024, width * height / 256)
    guard tiles <= most else {
      throw ModelError(
        .limitExceeded, "\(tiles) tiles in an image of \(width) × \(height) pixels",
        expected: "at most \(most)")
    }
  }

  /// Where the codestream begins: at once, or in the first box `jp2c`.
  private static func codestream(_ bytes: UnsafeRawBufferPointer) -> Int? {
    if bytes.first == 0xFF { return 0 }
    var position = 0
    while position + 8 <= bytes.count {
      var (size, header) = (number(bytes, position, 4), 8)
      if number(bytes, position + 4, 4) == 0x6A70_3263 {
        return position + (size == 1 ? 16 : 8)
      }
      if size == 1 {
        guard position + 16 <= bytes.count, number(bytes, position + 8, 4) == 0 else { return nil }
        (size, header) = (number(bytes, position + 12, 4), 16)
      }
      guard size >= header else { return nil }
      position += size
    }
    return nil
  }

  private static func number(
    _ bytes: UnsafeRawBufferPointer, _ offset: Int, _ count: Int
  ) -> Int {
    bytes[offset..<offset + count].reduce(0) { $0 << 8 | Int($1) }
  }
}
