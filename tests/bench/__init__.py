"""Measurements, not tests: what the replicated text costs, beside the other ones that Python has."""
