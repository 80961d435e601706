"""The browser pages, over the same services."""
