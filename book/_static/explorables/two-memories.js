// Two memories of chapter 6: what an Elman network and an LSTM believe about the last
// symbol but one.
"use strict";
