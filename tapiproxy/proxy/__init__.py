"""The broker: which handler answers, its availability, and the packing of its result."""
