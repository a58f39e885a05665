"""What the history of a text says, in the form that people and programs read: who wrote each line, and what differs."""
