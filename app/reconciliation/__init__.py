"""Whether books and billing agree, whether an export would go through, and refusals in words."""
