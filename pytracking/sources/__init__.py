"""Frames in.

Files, folders and the synthetic clip as iterables of frames (`Source`); those, cameras, streams and
pushed frames as feeds with a reader thread (`Feed`)."""
