"""Connect, callback, disconnect; the company, its tokens and their refresh."""
