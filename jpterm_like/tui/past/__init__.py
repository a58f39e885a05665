"""Looking back: the editor over the past of a text, to read it as it was and to restore what is missed."""
