"""What the commands of `pytracking` do."""
