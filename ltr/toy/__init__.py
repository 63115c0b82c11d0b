"""The one-dimensional experiments of the papers on energy-based regression, for many seeds at once.

Letters: S seeds, B examples of a batch, M points an example. Of every seed there is one network;
their weights lie in stacked tensors, and rows of a product are its columns: (S, features, points).
"""
