"""Intuit's OAuth 2.0: discovery, consent, codes, tokens, refresh rotation, revocation."""
