"""The online algorithm: frames in as arrays, predictions out as values. It never prints, reads
files or draws."""
