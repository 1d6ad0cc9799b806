"""Benchmarks that anyone can run with `make bench` and the other `bench` targets.

They measure alternatives side by side and print medians and ratios. None of them is a test.
"""
