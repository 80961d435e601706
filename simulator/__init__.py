"""A small QuickBooks Online for tests and demonstrations: own application, own store."""
