"""Measurements: `make bench`, or `python -m tests.benchmarks [NAME ...]`. Not part of the test suite.

A module ``bench_<name>.py`` has functions with the decorator :func:`tests.benchmarks.harness.benchmark`.
"""
