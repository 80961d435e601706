"""Price codes to tax code, charge to item, role to account: what an export needs to know."""
