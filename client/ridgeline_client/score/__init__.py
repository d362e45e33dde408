"""Scoring jobs: a file of products in, a file of prices out, in order and resumable; needs pyarrow."""
