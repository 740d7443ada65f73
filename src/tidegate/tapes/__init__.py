"""Tapes: recorded trades or order-by-order data, played into a running venue, or recorded from one.

events      what a tape tells, as values; its errors
source      rows of CSV (also .gz) and Parquet, with their lines
columns     which column is what, and how a row becomes an event of an instrument
requests    which request an event comes to; a bound on what is under way
player      a tape over two FIX sessions of a running venue
recorder    a venue's journal as a tape
"""
