"""Tapes: recorded trades or order-by-order data, played into a running venue, or recorded from one.

events      what a tape tells, as values; its errors
source      rows of CSV (also .gz) and Parquet, with their lines
columns     which column is what
rows        how a row becomes an event of an instrument, or what is wrong with it
reading     a tape's beginning, checked before anything is sent; how far a tape is
requests    which request an event comes to; a bound on what is under way
sessions    what a session has under way, and what became of its orders
player      a tape over two FIX sessions of a running venue
run         `tidegate tape`
recorder    a venue's journal as a tape
recording   `tidegate record`
output      a tape's file, written
"""
