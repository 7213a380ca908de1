"""The networks that the chapters explain: forward, backward, first weights, updates.

Here is what happens inside a network or to its parameters, by hand in NumPy and in
PyTensor, what its states recall, and trained parameters in a file. What a network
learns from is in `helpers.tasks`; how well it learned is measured by
`helpers.experiments`.
"""
