"""What a cell of a score map is, for those who must not import a network for it."""

STRIDE = 16
"""Crop pixels per cell of the classifier's features."""
