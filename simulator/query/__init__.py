"""QuickBooks' query language: text to tokens to statement to rows."""
