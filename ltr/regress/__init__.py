"""Energy-based regression on images."""
