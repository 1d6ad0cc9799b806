"""The demo model: an OpenAI-compatible server whose answers are made by rules, for trying Tessera without a key."""
