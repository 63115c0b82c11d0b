"""How networks are trained: objectives, the loop, and what a run leaves."""
