"""What is wrong with units, or with a model of them."""


class LanguageError(ValueError):
    """Symbols, a language model or an ARPA file are not what they should be; names the file and the cure."""
