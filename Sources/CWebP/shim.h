#pragma once
#include <webp/decode.h>
#include <webp/demux.h>

// WebPGetFeatures and WebPAnimDecoderNew pass the version of the headers on; Swift sees the first only as a static
// function and the second not at all.
static inline WebPAnimDecoder *zoo_webp_animation(
    const WebPData *data, const WebPAnimDecoderOptions *options) {
  return WebPAnimDecoderNew(data, options);
}
