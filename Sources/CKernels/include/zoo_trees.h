// Decision trees: rows of features go from roots to leaves, and the leaves' votes are added up.
#pragma once

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// How a node compares `x[feature]` with its threshold. Member: x is in set number `threshold`.
/// Mixed, of a forest: each node says it.
typedef enum {
  zoo_tree_le, zoo_tree_lt, zoo_tree_ge, zoo_tree_gt, zoo_tree_eq, zoo_tree_member, zoo_tree_mixed
} zoo_tree_mode;

typedef enum { zoo_tree_sum, zoo_tree_min, zoo_tree_max } zoo_tree_aggregate;

/// Where the comparison holds the row goes to node `next + 1`, else to `next`. `info` of an inner node is `~(mode | missing · 8)`
/// (missing: NaN goes to `next + 1`). A leaf has its number ≥ 0 in `info`, itself in `next`, NaN for a threshold and
/// feature 0, so that a row that has arrived stays where it is.
typedef struct {
  float threshold;
  uint32_t feature;
  int32_t next, info;
} zoo_tree_node_f32;

typedef struct {
  double threshold;
  uint32_t feature;
  int32_t next, info;
} zoo_tree_node_f64;

typedef struct {
  const void *nodes;  // of zoo_tree_node_f32, or _f64 if is_f64
  int is_f64;
  const int32_t *roots;
  size_t trees;
  zoo_tree_mode mode;  // le or lt of all inner nodes, or mixed
  int has_missing;     // of any inner node
  const int32_t *vote_begin;  // per leaf, and one more: its votes
  const int32_t *vote_target;
  const double *vote_weight;
  size_t targets;
  zoo_tree_aggregate aggregate;
  const int32_t *set_begin;  // per set, and one more: its values
  const double *set_values;
} zoo_forest;

/// Adds up the votes for `rows` rows of `columns` ≥ 1 features, f32 or, if x_is_f64, f64; each row's in the order of the trees.
///
/// `scores` is [rows, targets]; `voted` likewise says whether any leaf voted for a target. A target without votes scores 0.
void zoo_forest_score(const zoo_forest *forest, const void *x, int x_is_f64, size_t rows, size_t columns,
                      double *scores, uint8_t *voted);

#pragma clang assume_nonnull end
