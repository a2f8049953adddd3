"""DataLink: what is linked to a dataset, and what can be made of it with Gammapy."""
