"""Sequences: frames together with the true boxes of a target."""
