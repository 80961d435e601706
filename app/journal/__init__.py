"""Journal mode: what was billed, summed up as journal entries; each amount in exactly one line."""
