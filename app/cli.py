"""The command line: gammahub serve, ingest, demo, query, translate, tables."""
