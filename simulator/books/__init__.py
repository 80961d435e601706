"""The books of one simulated QuickBooks Online company: documents, lists and the general ledger."""
