"""Billing to company: planning documents and posting them."""
