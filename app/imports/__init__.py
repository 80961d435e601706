"""Company to billing: reading lists and documents by creation date."""
