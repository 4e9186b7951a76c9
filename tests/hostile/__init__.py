"""Thousands of damaged and malicious files, seeded, and what runs them against Regraft."""
