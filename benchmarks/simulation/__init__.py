"""A million users on paper: what one server carries is measured, the rest is played as discrete events.

`python -m benchmarks.simulation` measures for a minute, plays for another, prints tables and draws simulation.svg.
"""
