"""The FIX session layer: one machine for acceptor and initiator, resend and gap fill, history."""
