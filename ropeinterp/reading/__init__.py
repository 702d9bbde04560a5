"""How a config is read: the files behind :func:`ropeinterp.read`."""
