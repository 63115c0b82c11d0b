"""From annotated videos and photographs to batches of crops with boxes.

On the way: `layouts` reads what lies on the disk as a `store`, which may become `resident`; `plans`
draws what a sample shows of stores, as values; `pictures` fetches what a plan shows, `render` draws
it and `photometry` changes its pixels; `samples` does all of it by the number of a sample, and
`loader` does it in time.
"""
