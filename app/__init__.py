"""Ledgerwire keeps a subscription billing system and QuickBooks Online in step, to the cent."""
