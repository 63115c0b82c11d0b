"""Boxes of detectors, refined by a conditional energy (Gustafsson et al. 2020, "Energy-Based Models
for Deep Probabilistic Regression", section 4.1)."""
