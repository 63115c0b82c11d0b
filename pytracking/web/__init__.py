"""The live web page: an ASGI application upon a session. Its modules import Starlette within the
functions that need it."""
