"""Tracking while frames arrive: one session of sources, targets and a recording, seen by many."""
