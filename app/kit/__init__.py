"""Mechanisms without a business word: database, web, clock, secrets, queue, logs."""
