"""What a test needs of a venue: a clock of its own, faults on demand, the simulation.

Nothing here runs in a venue with the production profile.
"""
