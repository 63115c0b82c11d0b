"""Frames and boxes out: boxes files, annotated videos, pictures and plots."""
