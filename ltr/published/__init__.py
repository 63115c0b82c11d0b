"""Files as the authors of pytracking publish networks (`.pth`, `.pth.tar`), read without running
anything that they say.

`container` finds the pickle and the storages, `pickle_machine` reads the pickle, `contents` makes
tensors of both, and `conversion` says which network of ours they are.
"""

from ltr.published.contents import (
    Constructor,
    PublishedFile,
    is_published_name,
    read_published,
)

__all__ = ["Constructor", "PublishedFile", "is_published_name", "read_published"]
