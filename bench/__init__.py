"""Benchmarks that anyone can run: side by side in one process, medians and ratios. None of them is a test."""
