// Reddit on tap of chapter 8: the language model writes in the page.
"use strict";
