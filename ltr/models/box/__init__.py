"""The box head: pooling of boxes, and the energy that says how well a box fits the target."""
