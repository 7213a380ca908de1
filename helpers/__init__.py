"""RNNs, Unrolled: what a chapter has explained, for the chapters that follow."""
