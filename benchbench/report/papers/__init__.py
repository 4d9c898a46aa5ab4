"""What one paper has that others have not: its tables, claims, labels and published figures."""
