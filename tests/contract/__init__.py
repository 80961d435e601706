"""The API as it is documented: examples, clients generated from it, and what anybody may send."""
