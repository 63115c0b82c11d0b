"""Samples as plans: which frames, through which windows, with what pasted where. Values on the host
that follow from a generator of random numbers; no pixel is drawn here."""
