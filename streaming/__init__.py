"""What goes over the network: the device protocol's frames, model streams over HTTP, and the formatters between them.

Code that knows a frame or a provider's format belongs here; sockets, users and agents do not.
"""
