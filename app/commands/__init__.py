"""What an operator can do from a terminal, one module for each family of commands."""
