"""FIX 4.4 as bytes: framing, fields, dictionary, validation, rendering."""
