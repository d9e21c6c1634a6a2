"""Meeting other people's files and spellings."""
