"""The other side: the records the billing system pushed to us."""
