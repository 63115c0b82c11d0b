"""Looking at a run while it tracks: what the engine's observer is told, as pictures."""
