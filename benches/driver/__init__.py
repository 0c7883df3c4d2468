"""The driver of the benchmarks: builds the C programs, runs them side by side, compares, reports."""
