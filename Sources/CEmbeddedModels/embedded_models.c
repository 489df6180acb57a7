// scripts/embed-models.sh makes models/*.zoo from Models/.
#include "CEmbeddedModels.h"

#pragma clang diagnostic ignored "-Wc23-extensions"

// Weights that are stored as they are used are read where they lie, by whole vectors.
#define EMBEDDED static const _Alignas(64) uint8_t
#define EIGHT , 0, 0, 0, 0, 0, 0, 0, 0
#define PADDING EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT

#if __has_embed("models/digits.zoo")
EMBEDDED digits[] = {
#embed "models/digits.zoo"
PADDING};
#endif
#if __has_embed("models/house-price.zoo")
EMBEDDED house_price[] = {
#embed "models/house-price.zoo"
PADDING};
#endif
#if __has_embed("models/sentiment.zoo")
EMBEDDED sentiment[] = {
#embed "models/sentiment.zoo"
PADDING};
#endif

static const zoo_embedded_model models[] = {
#if __has_embed("models/digits.zoo")
    {"digits", digits, sizeof digits - 64},
#endif
#if __has_embed("models/house-price.zoo")
    {"house-price", house_price, sizeof house_price - 64},
#endif
#if __has_embed("models/sentiment.zoo")
    {"sentiment", sentiment, sizeof sentiment - 64},
#endif
};

const zoo_embedded_model *zoo_embedded_models(size_t *count) {
  *count = sizeof models / sizeof models[0];
  return models;
}
