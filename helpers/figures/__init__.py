"""How the figures of the chapters look: one style, the diagrams, and what pages get.

What a chapter draws only once stands in its own cells. The pictures of the web pages
are made in `helpers.press`.
"""
