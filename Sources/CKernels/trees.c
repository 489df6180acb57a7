#include "zoo_trees.h"

#include <math.h>

#define INLINE static inline __attribute__((always_inline))

enum { LANES = 8 };

static int is_member(const zoo_forest *f, int32_t set, double x) {
  for (int32_t i = f->set_begin[set]; i < f->set_begin[set + 1]; i++) {
    if (f->set_values[i] == x) return 1;
  }
  return 0;
}

INLINE void add_votes(const zoo_forest *f, int32_t leaf, double *scores, uint8_t *voted) {
  for (int32_t i = f->vote_begin[leaf]; i < f->vote_begin[leaf + 1]; i++) {
    const int32_t target = f->vote_target[i];
    const double weight = f->vote_weight[i], score = scores[target];
    voted[target] = 1;
    switch (f->aggregate) {
      case zoo_tree_sum: scores[target] = score + weight; break;
      case zoo_tree_min: scores[target] = weight < score ? weight : score; break;
      case zoo_tree_max: scores[target] = weight > score ? weight : score; break;
    }
  }
}

#define NODE zoo_tree_node_f32
#define X float
#define NAME(f) f##_f32_f32
#include "trees.inc"
#undef X
#undef NAME
#define X double
#define NAME(f) f##_f32_f64
#include "trees.inc"
#undef NODE
#undef X
#undef NAME
#define NODE zoo_tree_node_f64
#define X float
#define NAME(f) f##_f64_f32
#include "trees.inc"
#undef X
#undef NAME
#define X double
#define NAME(f) f##_f64_f64
#include "trees.inc"

void zoo_forest_score(const zoo_forest *f, const void *x, int x_is_f64, size_t rows, size_t columns,
                      double *scores, uint8_t *voted) {
  const double none = f->aggregate == zoo_tree_sum ? 0 : f->aggregate == zoo_tree_min ? INFINITY : -INFINITY;
  for (size_t i = 0; i < rows * f->targets; i++) {
    scores[i] = none;
    voted[i] = 0;
  }
  if (f->is_f64) {
    if (x_is_f64) run_f64_f64(f, x, rows, columns, scores, voted);
    else run_f64_f32(f, x, rows, columns, scores, voted);
  } else {
    if (x_is_f64) run_f32_f64(f, x, rows, columns, scores, voted);
    else run_f32_f32(f, x, rows, columns, scores, voted);
  }
  for (size_t i = 0; i < rows * f->targets; i++) {
    if (!voted[i]) scores[i] = 0;
  }
}
