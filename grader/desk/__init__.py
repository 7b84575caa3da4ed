"""The command `diffkit`: what a student, or who learns alone, needs outside of a notebook."""
