"""The terminal client: a complete device in Python that connects, asks, and runs the twenty tools over its own data.

`device.py` is a library without a user interface; `app.py` and the modules below it are the program.
"""
