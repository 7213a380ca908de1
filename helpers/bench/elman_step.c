/* SGD on one example again and again, as plainly as C allows: the floor of the bench.

   The network of helpers/networks/elman.py. Everything has its size when it is
   compiled: T steps, outputs at the last N of them, layers of N_IN, N_HID and N_OUT
   units. COST is 0 for sigmoid cross-entropy and 1 for the squared error. */

#include <math.h>
#include <string.h>

typedef double in_row[N_IN], hid_row[N_HID], out_row[N_OUT];

/* The loss from logits o, and its slope d_o with respect to them. */
static double loss_and_error(const double *o, const double *y, double w, double *d_o) {
  double loss = 0;
  for (int k = 0; k < N_OUT; k++) {
    if (COST == 0) {
      double e = exp(-fabs(o[k]));
      loss += fmax(o[k], 0) + log1p(e) - y[k] * o[k];
      d_o[k] = w * ((o[k] > 0 ? 1 : e) / (1 + e) - y[k]);
    } else {
      loss += (o[k] - y[k]) * (o[k] - y[k]);
      d_o[k] = 2 * w * (o[k] - y[k]);
    }
  }
  return w * loss;
}

/* One step; returns the loss before it. */
static double step(const in_row *x, const out_row *y, const double *w, double lr,
                   hid_row *W_ih, hid_row *W_hh, double *b_h,
                   out_row *W_ho, double *b_o, double *h0) {
  static hid_row h[T + 1], d_W_ih[N_IN], d_W_hh[N_HID];
  static out_row d_o[T], d_W_ho[N_HID];
  double d_b_h[N_HID] = {0}, d_b_o[N_OUT] = {0}, d_h[N_HID] = {0}, loss = 0;
  memset(d_W_ih, 0, sizeof d_W_ih);
  memset(d_W_hh, 0, sizeof d_W_hh);
  memset(d_W_ho, 0, sizeof d_W_ho);

  memcpy(h[0], h0, sizeof h[0]); /* h[t + 1] is the state after step t */
  for (int t = 0; t < T; t++) {
    double a[N_HID];
    memcpy(a, b_h, sizeof a);
    for (int i = 0; i < N_IN; i++)
      for (int j = 0; j < N_HID; j++) a[j] += x[t][i] * W_ih[i][j];
    for (int i = 0; i < N_HID; i++)
      for (int j = 0; j < N_HID; j++) a[j] += h[t][i] * W_hh[i][j];
    for (int j = 0; j < N_HID; j++) h[t + 1][j] = tanh(a[j]);
    int n = t - (T - N);
    if (n >= 0) {
      double o[N_OUT];
      memcpy(o, b_o, sizeof o);
      for (int j = 0; j < N_HID; j++)
        for (int k = 0; k < N_OUT; k++) o[k] += h[t + 1][j] * W_ho[j][k];
      loss += loss_and_error(o, y[n], w[n], d_o[t]);
    }
  }

  for (int t = T - 1; t >= 0; t--) {
    double d_a[N_HID];
    if (t >= T - N)
      for (int j = 0; j < N_HID; j++)
        for (int k = 0; k < N_OUT; k++) {
          d_h[j] += d_o[t][k] * W_ho[j][k];
          d_W_ho[j][k] += h[t + 1][j] * d_o[t][k];
        }
    for (int k = 0; t >= T - N && k < N_OUT; k++) d_b_o[k] += d_o[t][k];
    for (int j = 0; j < N_HID; j++) {
      d_a[j] = d_h[j] * (1 - h[t + 1][j] * h[t + 1][j]);
      d_b_h[j] += d_a[j];
    }
    for (int i = 0; i < N_IN; i++)
      for (int j = 0; j < N_HID; j++) d_W_ih[i][j] += x[t][i] * d_a[j];
    for (int i = 0; i < N_HID; i++) {
      double sum = 0;
      for (int j = 0; j < N_HID; j++) {
        d_W_hh[i][j] += h[t][i] * d_a[j];
        sum += d_a[j] * W_hh[i][j];
      }
      d_h[i] = sum;
    }
  }

  for (int i = 0; i < N_IN; i++)
    for (int j = 0; j < N_HID; j++) W_ih[i][j] -= lr * d_W_ih[i][j];
  for (int i = 0; i < N_HID; i++) {
    for (int j = 0; j < N_HID; j++) W_hh[i][j] -= lr * d_W_hh[i][j];
    for (int k = 0; k < N_OUT; k++) W_ho[i][k] -= lr * d_W_ho[i][k];
    b_h[i] -= lr * d_b_h[i];
    h0[i] -= lr * d_h[i];
  }
  for (int k = 0; k < N_OUT; k++) b_o[k] -= lr * d_b_o[k];
  return loss;
}

/* So many steps; returns the loss before the last. */
double steps(int many, const in_row *x, const out_row *y, const double *w, double lr,
             hid_row *W_ih, hid_row *W_hh, double *b_h, out_row *W_ho, double *b_o,
             double *h0) {
  double loss = 0;
  for (int k = 0; k < many; k++)
    loss = step(x, y, w, lr, W_ih, W_hh, b_h, W_ho, b_o, h0);
  return loss;
}
