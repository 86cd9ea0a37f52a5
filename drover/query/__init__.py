"""One query tree; a parser for each language, and an evaluator."""
