"""The book: every lesson as a page with outputs, pictures and formulas, to read without Jupyter or a network."""
