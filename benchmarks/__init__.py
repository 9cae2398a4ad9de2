"""Benchmarks: the mailbox engine against stock Dramatiq, side by side in one run.

`make bench` (or `python -m benchmarks`) measures; README.md says what each figure means and what it was here.
Every contestant gets the same server, the same handler, the stock `dramatiq` command and the same number of
processes and threads; only the broker differs.
"""
