"""The tapiproxy command."""
