"""The press: what makes the book, and what a teacher hands out.

Here notebooks are run and written, pages and paper rendered, pictures and numbers of
the pages made, and editions packed. No chapter imports anything from here, and the
student edition comes without it.
"""
