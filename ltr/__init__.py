"""Learning: networks, energies, data and training of the trackers. Never imports `pytracking`."""

__version__ = "0.1.0"
