// Decodes bytes as a picture of any format.
import FuzzSupport
import Zoo

var limits = Image.Limits()
limits.pixels = 1 << 20
let imageLimits = limits

fuzz { bytes in
  _ = try? Image(decoding: bytes, limits: imageLimits)
}
