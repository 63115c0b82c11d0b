"""Scoring of results. `metrics` and `protocols` need numpy alone."""
