"""How networks are trained: objectives, the loop, and what a run leaves."""

SAVE_MINUTES, PICTURE_MINUTES = 5.0, 10.0
"""How often states and pictures are written, where nothing else is said."""
