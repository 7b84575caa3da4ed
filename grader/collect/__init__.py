"""Downloads of Canvas, Moodle and others, put where nbgrader looks for submissions."""
