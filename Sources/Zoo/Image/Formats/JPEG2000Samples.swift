import COpenJPEG
import ModelFormat

/// The components of a decoded JPEG 2000 image, each on a grid and of a depth of its own.
struct JPEG2000Samples {
  private struct Plane {
    let samples: UnsafePointer<Int32>
    let width: Int
    let height: Int
    let (stepX, stepY): (Int, Int)
    let (left, top): (Int, Int)
    /// What is added to a sample to make it unsigned.
    let bias: Int
    /// The largest unsigned sample.
    let most: Int

    init(_ component: opj_image_comp_t) throws(ModelError) {
      guard let data = component.data, component.w > 0, component.h > 0, component.dx > 0,
        component.dy > 0, (1...31).contains(component.prec)
      else { throw ImageFormat.damaged("JPEG 2000", "a component without samples") }
      samples = UnsafePointer(data)
      (width, height) = (Int(component.w), Int(component.h))
      (stepX, stepY) = (Int(component.dx), Int(component.dy))
      (left, top) = (Int(component.x0), Int(component.y0))
      bias = component.sgnd != 0 ? 1 << (Int(component.prec) - 1) : 0
      most = 1 << Int(component.prec) - 1
    }

    /// The sample nearest above and left of a point of the reference grid, as 8 bits.
    func value(_ x: Int, _ y: Int) -> Int {
      let column = min(max(x / stepX - left, 0), width - 1)
      let row = min(max(y / stepY - top, 0), height - 1)
      let sample = min(max(Int(samples[row * width + column]) + bias, 0), most)
      return most == 255 ? sample : (sample * 255 + most / 2) / most
    }
  }

  private enum Space { case asStored, luminanceChrominance, inks }

  private let planes: [Plane]
  private let space: Space
  private let width: Int
  private let height: Int
  private let (left, top): (Int, Int)

  init(_ image: opj_image_t, _ width: Int, _ height: Int) throws(ModelError) {
    guard let components = image.comps, (1...4).contains(image.numcomps) else {
      throw ModelError(
        .malformed, "a JPEG 2000 image of \(image.numcomps) components",
        expected: "1 to 4")
    }
    var planes: [Plane] = []
    for index in 0..<Int(image.numcomps) { planes.append(try Plane(components[index])) }
    self.planes = planes
    (self.width, self.height) = (width, height)
    (left, top) = (Int(image.x0), Int(image.y0))
    let isSubsampled = planes.contains { $0.stepX > 1 || $0.stepY > 1 }
    switch image.color_space {
    case OPJ_CLRSPC_SYCC where planes.count >= 3: space = .luminanceChrominance
    case OPJ_CLRSPC_CMYK where planes.count == 4: space = .inks
    case OPJ_CLRSPC_EYCC, OPJ_CLRSPC_CMYK:
      throw ModelError(
        .malformed, "a JPEG 2000 image in another colour space",
        expected: "grey, sRGB, YCbCr or CMYK")
    case OPJ_CLRSPC_UNSPECIFIED, OPJ_CLRSPC_UNKNOWN:
      // Only chrominance is stored more coarsely than the rest.
      space = isSubsampled && planes.count >= 3 ? .luminanceChrominance : .asStored
    default: space = .asStored
    }
  }

  func picture() -> Image {
    let channels = space == .inks ? .rgb : Image.Channels(rawValue: planes.count) ?? .rgb
    var pixels: [UInt8] = []
    pixels.reserveCapacity(width * height * channels.rawValue)
    for y in top..<top + height {
      for x in left..<left + width {
        switch space {
        case .asStored:
          for plane in planes { pixels.append(UInt8(plane.value(x, y))) }
        case .luminanceChrominance:
          appendColor(x, y, to: &pixels)
          if planes.count == 4 { pixels.append(UInt8(planes[3].value(x, y))) }
        case .inks:
          let paper = 255 - planes[3].value(x, y)
          for plane in planes.prefix(3) {
            pixels.append(UInt8(((255 - plane.value(x, y)) * paper + 127) / 255))
          }
        }
      }
    }
    return Image(width, height, channels, pixels)
  }

  /// YCbCr of ITU-R BT.601 in full range, as ISO/IEC 10918-5 (JFIF) gives it.
  private func appendColor(_ x: Int, _ y: Int, to pixels: inout [UInt8]) {
    let luma = Double(planes[0].value(x, y))
    let blue = Double(planes[1].value(x, y) - 128)
    let red = Double(planes[2].value(x, y) - 128)
    for value in [luma + 1.402 * red, luma - 0.344136 * blue - 0.714136 * red, luma + 1.772 * blue]
    {
      pixels.append(UInt8(min(max(value, 0), 255).rounded()))
    }
  }
}
