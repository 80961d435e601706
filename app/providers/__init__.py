"""One folder per ERP, each implementing the accounting port."""
