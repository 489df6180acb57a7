// Kernels over rows: reductions, softmax, norms, pooling, recurrent cells, rows of blocks.
#include "compare.h"

static const zoo_vector_kernels *a, *b;

static void compare_reductions(void) {
  static const int shapes[][3] = {{1, 1, 1}, {3, 7, 1}, {2, 16, 1}, {1, 67, 1}, {2, 300, 1}, {2, 3, 5},
                                  {1, 9, 16}, {3, 33, 19}, {2, 0, 3}, {5, 2, 67}};
  for (int op = 0; op < zoo_reduce_count; op++) {
    for (unsigned i = 0; i < sizeof shapes / sizeof *shapes; i++) {
      const size_t outer = shapes[i][0], axis = shapes[i][1], inner = shapes[i][2];
      const int64_t results = (int64_t)(outer * inner);
      const float low = op == zoo_reduce_log_sum ? 0.1f : op == zoo_reduce_prod ? 0.9f : -2;
      float *x = numbers((int64_t)(outer * axis * inner), low, op == zoo_reduce_prod ? 1.1f : 2);
      if (i == 5) x[4] = NAN;
      float *got = room(results * 4), *want = room(results * 4);
      compare("reduce %s of [%zu, %zu, %zu]", zoo_reduce_name(op), outer, axis, inner);
      zoo_reduce_f32_kernel(NEON, op)(x, got, outer, axis, inner);
      zoo_reduce_f32_kernel(PORTABLE, op)(x, want, outer, axis, inner);
      close_to(got, want, results, 5e-6f, op == zoo_reduce_mean ? 0.5f : 2);
    }
  }
}

static void compare_softmax(void) {
  static const int columns[] = {1, 3, 4, 10, 16, 17, 67, 130};
  for (unsigned i = 0; i < sizeof columns / sizeof *columns; i++) {
    for (int form = 0; form < 4; form++) {
      const int64_t rows = 3, n = columns[i], count = rows * n;
      float *got = room(count * 4), *want = room(count * 4);
      zoo_softmax_rows p = {
          .x = numbers(count, -20, 20), .y = got, .rows = rows, .columns = (size_t)n, .scale = 0.7f,
          .mask = form & 1 ? numbers(count, -3, 0) : NULL, .mask_stride = form == 3 ? 0 : (size_t)n,
          .logarithm = form >> 1};
      zoo_softmax_rows q = p;
      q.y = want;
      compare("softmax of %lld, form %d", (long long)n, form);
      a->softmax_rows(&p), b->softmax_rows(&q);
      close_to(got, want, count, 4e-6f, 1e-6f);
      zoo_softmax_columns c = {.x = p.x, .y = got, .outer = 1, .axis = 3, .inner = (size_t)n, .logarithm = form >> 1};
      zoo_softmax_columns d = c;
      d.y = want;
      compare("softmax along 3 of %lld, form %d", (long long)n, form);
      a->softmax_columns(&c), b->softmax_columns(&d);
      close_to(got, want, count, 4e-6f, 1e-6f);
    }
  }
}

static void compare_norms(void) {
  static const int columns[] = {1, 4, 7, 16, 67, 384};
  for (unsigned i = 0; i < sizeof columns / sizeof *columns; i++) {
    for (int form = 0; form < 8; form++) {
      const int64_t rows = 3, n = columns[i], count = rows * n;
      float *out[2][4];
      zoo_row_norm p[2];
      const float *x = numbers(count, -2, 3), *skip = numbers(count, -1, 1), *line = numbers(n, -1, 1);
      for (int k = 0; k < 2; k++) {
        for (int m = 0; m < 4; m++) out[k][m] = room(count * 4);
        p[k] = (zoo_row_norm){
            .x = x, .skip = form & 1 ? skip : NULL, .bias = form & 2 ? line : NULL, .sum = form & 1 ? out[k][0] : NULL,
            .scale = line, .shift = form & 2 ? line : NULL, .y = out[k][1], .mean = out[k][2],
            .inverse_deviation = out[k][3], .rows = rows, .columns = (size_t)n, .epsilon = 1e-3f,
            .root_mean_square = form >> 2};
      }
      compare("row norm of %lld, form %d", (long long)n, form);
      a->row_norm(&p[0]), b->row_norm(&p[1]);
      for (int m = 0; m < 4; m++) close_to(out[0][m], out[1][m], m < 2 ? count : rows, 1e-5f, 1);
    }
    const int64_t n = columns[i], count = 2 * 3 * n;
    float *got = room(count * 4), *want = room(count * 4);
    zoo_group_norm g = {
        .x = numbers(count, -2, 3), .y = got, .scale = numbers(6, -1, 1), .shift = numbers(6, -1, 1), .groups = 2,
        .channels = 3, .spatial = (size_t)n, .parameters = 6, .epsilon = 1e-3f};
    zoo_group_norm h = g;
    h.y = want;
    compare("group norm of %lld", (long long)n);
    a->group_norm(&g), b->group_norm(&h);
    close_to(got, want, count, 1e-5f, 1);
    compare("scale and shift of %lld", (long long)n);
    a->scale_shift(g.x, g.scale, g.shift, got, 6, (size_t)n);
    b->scale_shift(g.x, g.scale, g.shift, want, 6, (size_t)n);
    close_to(got, want, count, 1e-6f, 4);
  }
}

static void compare_extremes(void) {
  static const int shapes[][3] = {{2, 1, 1}, {3, 17, 1}, {1, 67, 1}, {2, 5, 7}, {1, 9, 16}, {2, 33, 21}};
  for (unsigned i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    for (int form = 0; form < 4; form++) {
      const size_t outer = shapes[i][0], axis = shapes[i][1], inner = shapes[i][2];
      float *x = numbers((int64_t)(outer * axis * inner), -3, 3);
      // Ties and NaN.
      for (size_t k = 0; k < outer * axis * inner; k++) x[k] = roundf(x[k]);
      if (i == 2) x[40] = NAN;
      int64_t *got = room((int64_t)(outer * inner) * 8), *want = room((int64_t)(outer * inner) * 8);
      compare("extreme of [%zu, %zu, %zu], form %d", outer, axis, inner, form);
      a->arg_extreme(x, got, outer, axis, inner, form & 1, form >> 1);
      b->arg_extreme(x, want, outer, axis, inner, form & 1, form >> 1);
      same_bytes(got, want, (int64_t)(outer * inner) * 8);
    }
  }
}

static void compare_pools(void) {
  static const int forms[][5] = {{3, 3, 1, 1, 1}, {2, 2, 2, 1, 0}, {3, 3, 2, 1, 1}, {5, 3, 1, 2, 2}, {1, 7, 3, 1, 3}};
  for (unsigned i = 0; i < sizeof forms / sizeof *forms; i++) {
    for (size_t width = 7; width < 60; width += 13) {
      const size_t kh = forms[i][0], kw = forms[i][1], stride = forms[i][2], dilation = forms[i][3], height = 13;
      const size_t pad = forms[i][4] < (int)kh ? forms[i][4] : 0, left = forms[i][4] < (int)kw ? forms[i][4] : 0;
      const size_t oh = (height + 2 * pad - (kh - 1) * dilation - 1) / stride + 1;
      const size_t ow = (width + 2 * left - (kw - 1) * dilation - 1) / stride + 1;
      zoo_pool_2d p = {
          .planes = 2, .in_h = height, .in_w = width, .out_h = oh, .out_w = ow, .kernel_h = kh, .kernel_w = kw,
          .stride_h = stride, .stride_w = stride, .dilation_h = dilation, .dilation_w = dilation, .pad_top = pad,
          .pad_left = left, .pad_bottom = pad, .pad_right = left, .count_include_pad = (int)i & 1};
      const int64_t count = (int64_t)(2 * oh * ow);
      const float *x = numbers((int64_t)(2 * height * width), -1, 1);
      float *got = room(count * 4), *want = room(count * 4), *scratch = room((int64_t)zoo_pool_2d_scratch(&p) * 4);
      compare("pool %zu × %zu, stride %zu, width %zu", kh, kw, stride, width);
      a->max_pool_2d(&p, x, got, scratch), b->max_pool_2d(&p, x, want, scratch);
      close_to(got, want, count, 0, 0);
      a->average_pool_2d(&p, x, got, scratch), b->average_pool_2d(&p, x, want, scratch);
      close_to(got, want, count, 2e-6f, 1);
    }
  }
}

static void compare_cells(void) {
  for (int64_t hidden = 1; hidden < 70; hidden += 11) {
    for (int form = 0; form < 4; form++) {
      float *got[2] = {room(hidden * 4), room(hidden * 4)}, *want[2] = {room(hidden * 4), room(hidden * 4)};
      zoo_lstm_cell p = {
          .gates = numbers(4 * hidden, -6, 6), .c = numbers(hidden, -2, 2),
          .peephole = form & 1 ? numbers(3 * hidden, -1, 1) : NULL, .c_next = got[0], .h_next = got[1],
          .hidden = (size_t)hidden, .clip = form & 2 ? 2.5f : INFINITY, .input_forget = form == 3};
      zoo_lstm_cell q = p;
      q.c_next = want[0], q.h_next = want[1];
      compare("LSTM cell of %lld, form %d", (long long)hidden, form);
      a->lstm_cell(&p), b->lstm_cell(&q);
      close_to(got[0], want[0], hidden, 4e-6f, 1), close_to(got[1], want[1], hidden, 4e-6f, 1);
      zoo_gru_cell r = {
          .z = numbers(hidden, 0, 1), .candidate = p.gates, .recurrent = numbers(hidden, -1, 1), .h = p.c,
          .h_next = got[0], .hidden = (size_t)hidden, .clip = p.clip};
      zoo_gru_cell s = r;
      s.h_next = want[0];
      compare("GRU cell of %lld, form %d", (long long)hidden, form);
      a->gru_cell(&r), b->gru_cell(&s);
      close_to(got[0], want[0], hidden, 4e-6f, 1);
    }
  }
}

static void compare_block_rows(void) {
  for (int width = 2; width <= 8; width *= 2) {
    for (size_t block = 16; block <= 64; block *= 2) {
      for (size_t k = 5; k < 200; k += 61) {
        const int64_t blocks = (int64_t)((k + block - 1) / block);
        zoo_block_row row = {
            .codes = bytes((int64_t)k + 64), .scales = numbers(blocks, 0.01f, 1), .zeros = numbers(blocks, 0, 3),
            .bits = width, .block = block, .k = k};
        float *got = room((int64_t)k * 4), *want = room((int64_t)k * 4), *x = numbers((int64_t)k, -1, 1);
        compare("block row of %zu, %d bits, blocks of %zu", k, width, block);
        a->block_row(&row, got), b->block_row(&row, want);
        close_to(got, want, (int64_t)k, 1e-6f, 0.1f);
        float *sums = room(blocks * 4);
        for (size_t i = 0; i < k; i++) sums[i / block] += x[i];
        const float dots[] = {a->block_dot(&row, x, sums), b->block_dot(&row, x, sums)};
        close_to(&dots[0], &dots[1], 1, 1e-5f, 200);
      }
    }
  }
}

void compare_rows(void) {
  a = zoo_vector_kernels_for(NEON), b = zoo_vector_kernels_for(PORTABLE);
  compare_reductions();
  compare_softmax();
  compare_norms();
  compare_extremes();
  compare_pools();
  compare_cells();
  compare_block_rows();
}
