"""A demonstration: the real server, sessions and editors in one process, with weather on the lines between them."""
