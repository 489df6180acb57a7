// The gates of recurrent cells; the matrix products are the callers'.
#pragma once

static void lstm_cell(const zoo_lstm_cell *p) {
  size_t n = p->hidden;
  vf high = splat(p->clip), low = -high;
  for (size_t j = 0; j < n; j += LANES) {
    size_t rest = n - j;
    vf c = load_n(p->c + j, rest);
    vf i = load_n(p->gates + j, rest), o = load_n(p->gates + n + j, rest);
    vf f = load_n(p->gates + 2 * n + j, rest), g = load_n(p->gates + 3 * n + j, rest);
    if (p->peephole) {
      i = madd(load_n(p->peephole + j, rest), c, i);
      f = madd(load_n(p->peephole + 2 * n + j, rest), c, f);
    }
    i = vsigmoid(clamp(i, low, high));
    f = p->input_forget ? 1.0f - i : vsigmoid(clamp(f, low, high));
    c = madd(f, c, i * vtanh(clamp(g, low, high)));
    if (p->peephole) o = madd(load_n(p->peephole + n + j, rest), c, o);
    store_n(p->c_next + j, c, rest);
    store_n(p->h_next + j, vsigmoid(clamp(o, low, high)) * vtanh(c), rest);
  }
}

static void gru_cell(const zoo_gru_cell *p) {
  size_t n = p->hidden;
  vf high = splat(p->clip), low = -high;
  for (size_t j = 0; j < n; j += LANES) {
    size_t rest = n - j;
    vf z = load_n(p->z + j, rest);
    vf sum = load_n(p->candidate + j, rest) + load_n(p->recurrent + j, rest);
    vf candidate = vtanh(clamp(sum, low, high));
    store_n(p->h_next + j, madd(1.0f - z, candidate, z * load_n(p->h + j, rest)), rest);
  }
}
