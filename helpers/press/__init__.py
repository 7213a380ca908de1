"""The press: what makes the book, and what a teacher hands out.

Here notebooks are run and written, pages and paper rendered, pictures and numbers of
the pages made, and editions packed. No chapter imports anything from here, and the
student edition comes without it.
"""

import sys

# nbformat looks for a grammar of international addresses, which no notebook's schema
# asks for and which takes two seconds to build. pytest loads this first of all.
sys.modules.setdefault("rfc3987_syntax", None)
