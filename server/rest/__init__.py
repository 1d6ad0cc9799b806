"""The HTTP listener: accounts, chat without a socket, health, metrics and the OpenAPI document."""
