"""Which billing record is which document: links, postings and their state machine."""
