"""What is exchanged, for whom: one organization's settings for one ERP company."""
