"""From annotated videos and photographs to batches of crops with boxes."""
