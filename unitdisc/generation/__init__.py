"""New speech, and new writing: units that a language model makes up, and what a decoder makes of them."""
