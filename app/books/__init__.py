"""What was imported of a company: customers, items, accounts, tax codes and rates."""
