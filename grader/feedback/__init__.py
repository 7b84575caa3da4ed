"""Feedback pages that need nothing but themselves: no network, no script, formulas as MathML."""
