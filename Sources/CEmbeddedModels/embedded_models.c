// scripts/embed-models.sh makes models/*.zoo from Models/.
#include "CEmbeddedModels.h"

#pragma clang diagnostic ignored "-Wc23-extensions"

#if __has_embed("models/digits.zoo")
static const uint8_t digits[] = {
#embed "models/digits.zoo"
};
#endif
#if __has_embed("models/house-price.zoo")
static const uint8_t house_price[] = {
#embed "models/house-price.zoo"
};
#endif
#if __has_embed("models/sentiment.zoo")
static const uint8_t sentiment[] = {
#embed "models/sentiment.zoo"
};
#endif

static const zoo_embedded_model models[] = {
#if __has_embed("models/digits.zoo")
    {"digits", digits, sizeof digits},
#endif
#if __has_embed("models/house-price.zoo")
    {"house-price", house_price, sizeof house_price},
#endif
#if __has_embed("models/sentiment.zoo")
    {"sentiment", sentiment, sizeof sentiment},
#endif
};

const zoo_embedded_model *zoo_embedded_models(size_t *count) {
  *count = sizeof models / sizeof models[0];
  return models;
}
