"""A language model at an endpoint: asked to describe, fine-tuned, and asked which interest comes next."""
