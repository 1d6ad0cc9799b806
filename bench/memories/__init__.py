"""The parts of `bench.memory`: the conversations, the memory under measurement, its quality and its speed."""
