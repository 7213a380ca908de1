"""What the networks learn: grammars, series and comments, and their way to arrays.

A task draws or reads its examples, splits them, and knows what is right. No network is
in here, and none is imported.
"""
