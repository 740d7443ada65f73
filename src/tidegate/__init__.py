"""Tidegate: a FIX 4.4 crypto venue that anyone can run."""

from tidegate._sources import prefer_sources_if_asked

# Before anything of the core is imported: `TIDEGATE_PURE=1` runs the sources although a
# compiled core lies beside them.
prefer_sources_if_asked()

__version__ = "0.1.0"
__all__ = ["__version__"]
