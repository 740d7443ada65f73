"""The internal market maker and its taker: clients of the venue in a process of their own.

plan        what a market's book should look like at a step; pure and seeded
changes     wanted quotes against open orders: what to send
own_orders  the maker's open orders, from its execution reports
desk        the two FIX clients, paced
process     the child process; what the venue tells it
commands    `liquidity` on the venue's control socket
"""
