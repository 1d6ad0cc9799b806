"""What `bench.memory` is made of: the conversations, the memory under measurement, its quality and its speed."""
