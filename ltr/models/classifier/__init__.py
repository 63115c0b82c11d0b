"""The discriminative classifier: features, the filter and the descent that learns it."""
