"""The internal market maker and its taker: clients of the venue in a process of their own.

plan        what a market's book should look like at a step; pure and seeded
changes     wanted quotes against open orders: what to send
own_orders  the maker's open orders, from its execution reports
bands       how far the venue's price bands let a market go
market      where a market's walk is, and what the venue does not take of it
desk        the two FIX clients, paced
filling     which order of the taker fills a given order, and what else it trades with
taker       the one that trades, by itself and on request
options     what the venue tells the child process at its start
process     the child process; what the venue tells it
commands    `liquidity` on the venue's control socket
"""
