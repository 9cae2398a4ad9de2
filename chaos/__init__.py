"""Chaos: the mailbox engine in a seeded storm of everything that can go wrong, and a verdict of what became of it.

`make chaos` (or `python -m chaos`) runs real workers on a real server, kills, freezes and disconnects both while many
users' messages are on their way, and then accounts for every message. docs/chaos.md says how to read the verdict and
how to repeat a seed.

    load      publishes the messages and remembers which were accepted
    worker    what the workers run: handlers that write a line when they start and when they end
    trouble   what goes wrong when, from the seed alone
    storm     runs one plan: server, workers, load, trouble; gathers the evidence
    judge     judges the evidence, and nothing but the evidence: account, conduct, service are its parts
    scenario  runs with a name, with one kind of trouble each, or with something to measure: stage, promptness, crowd
"""
