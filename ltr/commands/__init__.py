"""What the commands of `ltr` take; each imports what it needs when it runs."""
