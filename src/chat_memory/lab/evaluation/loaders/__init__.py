"""Readers of public sets, one module for each format: each takes the folder the set was put into."""
