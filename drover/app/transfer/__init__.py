"""Applications as bundles: exports, imports, clones and templates."""
