"""Drop copy: every ExecutionReport of an account or a firm, over sessions of their own.

Reports are read out of the journal, where each stands as the frame that its trading session sent;
nothing is queued, and nothing is made a second time. How far a client is known to have read stands
in a file of its session.
"""
