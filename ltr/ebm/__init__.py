"""Energy-based regression: p(y | x) proportional to exp f(x, y), for targets of any dimension.

Tensors and callables alone: a score f is whatever gives a number for a point, larger is likelier.
"""
