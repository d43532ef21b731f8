"""What holdings earn for their risk, after costs."""
