"""The machine: a record in, effects out. It composes session, order entry and engine."""
