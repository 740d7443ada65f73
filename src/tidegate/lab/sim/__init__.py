"""The whole venue, its store and its clients in one thread, from one seed."""
