"""What the commands of `pytracking` take; each imports what it needs when it runs."""
