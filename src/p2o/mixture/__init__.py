"""The dynamic mixture: which questions an epoch asks, and which templates they carry."""
