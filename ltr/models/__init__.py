"""Networks: trunks, the classifier and what puts them together."""
