"""Measurements against the simulator; run by hand, never as a test that could fail by time."""
