"""Worlds: bundled policies with the question generators that they were made for."""
