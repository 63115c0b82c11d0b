"""Frames in: files, folders and the synthetic clip, all as iterables of frames."""
