"""What runs inside the sandbox: these files, the wire and the limits are all of the grader that is there."""
