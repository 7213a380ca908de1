"""The language model of chapter 8: `python -m helpers.lm --help`.

Here are its network, its training from batch to checkpoint, the n-gram models beside
it, and what is done with a trained one: scoring and writing sentences. How comments
become numbers is in `helpers.tasks`; what chapter 8 measured with it is recorded by
`helpers.experiments` and `helpers.bench`.
"""
