"""From texts to vectors: the interface, a model in this process, and a model behind an HTTP endpoint."""
