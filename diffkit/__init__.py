"""diffkit: diffusion models, exact and small.  Import what you need: `from diffkit import forward, schedule`."""
