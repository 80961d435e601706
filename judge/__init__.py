"""Compares what was billed with what stands in the books; knows nothing of either program."""
