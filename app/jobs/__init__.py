"""Sync jobs, their steps and records: lease, states, Previous History."""
